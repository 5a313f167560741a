"""How long runs are kept, through the API: owners say it, within what the operator says."""

import grpc
import pytest
from workflow_engine.v1 import limits_pb2 as pb

from tests.services.conftest import Api


async def test_days_are_set_shown_and_unset(api: Api) -> None:
    own = pb.Retention(days=30, failed_days=90)
    found = await api.stub.SetRetention(pb.SetRetentionRequest(retention=own))
    assert (found.own, found.applying) == (own, own)
    found = await api.stub.GetRetention(pb.GetRetentionRequest())
    assert (found.own, found.applying) == (own, own)
    found = await api.stub.SetRetention(pb.SetRetentionRequest())
    assert (found.own, found.applying) == (pb.Retention(), pb.Retention(days=0, failed_days=0))
    async with api.parts.database.single() as connection:
        told = await connection.exec_driver_sql("SELECT object_id, after FROM audit_log WHERE action = 'retention.set'")
        assert ("default", '{"days":30,"failed_days":90}') in told.all()


@pytest.mark.parametrize("days", [{"days": -1}, {"failed_days": 40_000}])
async def test_what_are_no_days_is_refused(api: Api, days: dict[str, int]) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="from 0") as caught:
        await api.stub.SetRetention(pb.SetRetentionRequest(retention=pb.Retention(**days)))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

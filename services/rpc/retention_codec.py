"""Reads and writes for how long runs are kept."""

from workflow_engine.v1 import limits_pb2 as pb

from services.store.retention_days import Days


def read_days(message: pb.Retention) -> Days:
    """The days that are given."""
    return Days(**{field.name: value for field, value in message.ListFields()})


def retention_message(days: Days) -> pb.Retention:
    """The days that are set."""
    return pb.Retention(**days.given())

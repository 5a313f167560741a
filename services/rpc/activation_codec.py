"""Writes activations as messages."""

from workflow_engine.v1 import activation_pb2 as pb

from services.rpc.definition_codec import timestamp
from services.usecases.activating import Activation, ActiveTrigger


def activation_message(activation: Activation) -> pb.Activation:
    """What is on."""
    row = activation.row
    return pb.Activation(
        workflow_id=row.workflow_id,
        version=row.version,
        activated_by=row.activated_by,
        activated_at=timestamp(row.activated_at),
        triggers=map(_trigger_message, activation.triggers),
    )


def _trigger_message(trigger: ActiveTrigger) -> pb.ActiveTrigger:
    row = trigger.binding
    message = pb.ActiveTrigger(
        node=row.node,
        subtype=row.subtype,
        urls=trigger.urls,
        methods=trigger.methods,
        next_times=map(timestamp, trigger.next_times),
        schedule_id=trigger.schedule_id,
        paused=trigger.paused,
        last_execution_id=row.last_execution_id,
        problem=trigger.problem,
    )
    if row.last_started_at is not None:
        message.last_started_at.CopyFrom(timestamp(row.last_started_at))
    return message

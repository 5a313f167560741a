"""Reads and writes limits."""

from workflow_engine.v1 import limits_pb2 as pb

from services.store.limits import Limits


def read_limits(message: pb.Limits) -> dict[str, float]:
    """The limits that are given, by name."""
    return {field.name: value for field, value in message.ListFields()}


def limits_message(limits: Limits) -> pb.Limits:
    """The limits that are set."""
    message = pb.Limits()
    for name, value in limits.given().items():
        setattr(message, name, value)
    return message

"""Closes what people were asked by a run that has ended."""

import asyncio

from activities.people.place import Place
from activities.people.settling import show_end
from activities.ports import Asked, Happening

OUTCOME = "No longer needed: the run that asked has ended."


async def close(place: Place) -> None:
    """Closes every open task of the run, and says so where it lies."""
    found = await place.people.open_of(place.execution_id)
    for asked in found:
        happening = Happening(asked.question.id, "canceled", "canceled")
        await place.people.end(asked.question.id, "CANCELED", None, [happening])
    at_once = asyncio.Semaphore(8)

    async def shown(asked: Asked) -> None:
        async with at_once:
            call = place.call(asked.question.node, asked.question.run_index)
            await show_end(place, call, asked, OUTCOME)

    await asyncio.gather(*(shown(asked) for asked in found))

"""A port's items as the interpreter sees them: how many there are and where they lie, never what they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

INLINE_LIMIT = 32 * 1024
OUTPUT_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A run of items inside one stored list.

    The list lies inline as JSON text (`text`) or in the payload store under its content hash (`ref`); neither
    means that nobody will read it again. `start` and `count` say which of its items are meant, `size` how
    many bytes the whole list has.
    """

    count: int
    size: int = 0
    start: int = 0
    text: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """An ordered list of items, as the parts it is made of; joining and slicing copies no data."""

    parts: tuple[Part, ...] = field(default=())

    @property
    def count(self) -> int:
        """How many items there are."""
        return sum(part.count for part in self.parts)

    @property
    def inline_size(self) -> int:
        """Bytes of JSON text carried along."""
        return sum(len(part.text) for part in self.parts if part.text is not None)

    @property
    def size(self) -> int:
        """Bytes of the stored lists that these items lie in."""
        return sum(part.size for part in self.parts)

    def slice(self, start: int, count: int) -> "Items":
        """`count` items from position `start`."""
        taken: list[Part] = []
        for part in self.parts:
            if count <= 0:
                break
            if start >= part.count:
                start -= part.count
                continue
            length = min(count, part.count - start)
            taken.append(Part(length, part.size, part.start + start, part.text, part.ref))
            count -= length
            start = 0
        return Items(tuple(taken))


EMPTY = Items()
ONE_EMPTY_ITEM = Items((Part(count=1, size=13, text='[{"json":{}}]'),))


def join(lists: Iterable[Items]) -> Items:
    """The items of all lists, in order; neighbours in one stored list become one part again."""
    joined: list[Part] = []
    for items in lists:
        for part in items.parts:
            last = joined[-1] if joined else None
            if last and last.ref and last.ref == part.ref and last.start + last.count == part.start:
                joined[-1] = Part(last.count + part.count, last.size, last.start, None, last.ref)
            elif part.count:
                joined.append(part)
    return Items(tuple(joined))


def elide(items: Items) -> Items:
    """The same count without the data, for outputs that nobody will read again."""
    return Items((Part(items.count, items.size),)) if items.parts else items

"""Steps that may still change, by key: those met last in memory, the others on disk, for a log may hold millions."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from agentlens.loaders._claude_code_memory import number_of

LATEST = 4096
SPOOLED_BYTES = 16 * 1024 * 1024

Kept = TypeVar("Kept", bound=msgspec.Struct)


class Shelf(Generic[Kept]):
    """Objects of one kind by key, in the order in which they came first. What is taken from it may be changed in place."""

    def __init__(self, kind: type[Kept]) -> None:
        self._latest = OrderedDict[str, Kept]()
        self._stored: dict[int, int] = {}
        self._disk = tempfile.SpooledTemporaryFile(SPOOLED_BYTES)  # noqa: SIM115  (closed with the shelf)
        self._encode, self._decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disk.close()

    def get(self, key: str) -> Kept | None:
        """Return the object of a key as it was left."""
        if key not in self._latest and (at := self._stored.get(number_of(key), -1)) >= 0:
            self[key] = self._read(at)
        if key in self._latest:
            self._latest.move_to_end(key)
        return self._latest.get(key)

    def __setitem__(self, key: str, value: Kept) -> None:
        self._latest[key] = value
        self._stored[number_of(key)] = -1
        if len(self._latest) > LATEST:
            self._store(*self._latest.popitem(last=False))

    def values(self) -> Iterator[Kept]:
        """Yield every object."""
        while self._latest:
            self._store(*self._latest.popitem(last=False))
        yield from map(self._read, self._stored.values())

    def _store(self, key: str, value: Kept) -> None:
        data = self._encode(value)
        self._stored[number_of(key)] = self._disk.seek(0, 2)
        self._disk.write(len(data).to_bytes(4, "little") + data)

    def _read(self, at: int) -> Kept:
        self._disk.seek(at)
        return self._decode(self._disk.read(int.from_bytes(self._disk.read(4), "little")))

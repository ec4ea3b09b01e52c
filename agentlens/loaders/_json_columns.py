"""What records of home-grown JSON lines say, by column."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from agentlens.loaders._mapping import Field, Mapping, find

ByKey = Callable[[str], Sequence[Any] | None]
"""Gives the values of a key, one for each of some objects; None where none of them has it."""

SCALARS = frozenset({bool, int, float})
_NOTHING = type(None)
_OBJECTS = {dict, _NOTHING}


class Columns:
    """What records say, by column: `said` has a value for each record, None for nothing.

    `used` has the number of the field, among `fields`, that each value was found in: one number where it is the same for all.
    """

    def __init__(self, records: list[dict[str, Any]], mapping: Mapping) -> None:
        self._records = records
        self.said: dict[str, Sequence[Any]] = {}
        self.used: dict[str, int | list[int | None]] = {}
        self.fields: dict[str, tuple[Field, ...]] = {}
        self.shapes: list[tuple[str, ...]] = list(map(tuple, records))
        self._keys = dict.fromkeys(itertools.chain.from_iterable(set(self.shapes)))
        self._values: dict[tuple[str, ...], Sequence[Any] | None] = {}
        self._inner: dict[tuple[str, ...], ByKey] = {(): by_key(records)}
        self._opened: dict[str, dict[str, tuple[Any, ...]] | None] = {}
        for column, fields in mapping.plan(tuple(self._keys)):
            self._read(column, fields)
        for column, value in mapping.constants.items():
            self.said[column] = [value if found is None else found for found in self[column]]

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.said.get(column) or [None] * len(self._records)

    def _read(self, column: str, fields: tuple[Field, ...]) -> None:
        """Take for each record the first of the fields that it has."""
        values = self._find(fields[0])
        used: int | list[int | None] = 0
        if has_nothing(values):
            used = [None if value is None else 0 for value in values]
            for number, field in enumerate(fields[1:], 1):
                found = self._find(field)
                used = [number if u is None and f is not None else u for u, f in zip(used, found)]
                values = [f if value is None else value for value, f in zip(values, found)]
        self.said[column], self.used[column], self.fields[column] = values, used, fields

    def _find(self, field: Field) -> Sequence[Any]:
        """Return what `find` returns for each record."""
        if len(field.keys) > 1 and field.path in self._keys:
            return [find(record, field) for record in self._records]
        values = self._values_at(field.keys)
        return [find(record, field) for record in self._records] if values is None else values

    def _values_at(self, keys: tuple[str, ...]) -> Sequence[Any] | None:
        """Return what stands at the end of a way of keys, None where the way leads through something else than objects."""
        if keys not in self._values:
            self._values[keys] = None
            if inner := self._inside(keys[:-1]):
                self._values[keys] = inner(keys[-1]) or [None] * len(self._records)
        return self._values[keys]

    def _inside(self, keys: tuple[str, ...]) -> ByKey | None:
        """Return what gives the values of a key of the objects at the end of a way of keys; None where not all are objects."""
        if keys not in self._inner:
            objects = self._values_at(keys)
            if objects is None or not set(map(type, objects)) <= _OBJECTS:
                return None
            self._inner[keys] = by_key(objects)
        return self._inner[keys]

    def inside(self, column: str) -> dict[str, tuple[Any, ...]] | None:
        """Return the values of each key of what a column holds, as `in_columns` does."""
        if column not in self._opened:
            self._opened[column] = in_columns(self[column])
        return self._opened[column]

    def unit(self, column: str, default: str) -> list[str | None]:
        """Return the unit of each value of a time or duration, the default for constants."""
        used, fields = self.used.get(column), self.fields.get(column, ())
        if used is None or isinstance(used, int):
            return [default if used is None else fields[used].unit] * len(self._records)
        return [default if number is None else fields[number].unit for number in used]

    def paths(self, column: str) -> list[str]:
        """Return the path that each value was found at, "" where there is none."""
        used, fields = self.used[column], self.fields[column]
        if isinstance(used, int):
            return [fields[used].path] * len(self._records)
        return ["" if number is None else fields[number].path for number in used]


def in_columns(objects: Sequence[Any]) -> dict[str, tuple[Any, ...]] | None:
    """Return the values of each key, where all are objects with the same keys in the same order; else None."""
    if set(map(type, objects)) != {dict}:
        return None
    shapes = list(map(tuple, objects))
    if shapes.count(shapes[0]) < len(shapes):
        return None
    return dict(zip(shapes[0], zip(*map(dict.values, objects))))


def has_nothing(values: Sequence[Any]) -> bool:
    """Whether any value is None."""
    return _NOTHING in set(map(type, values))


def by_key(objects: Sequence[dict[str, Any] | None]) -> ByKey:
    """Return what gives the values of a key, one for each object, None for nothing."""
    if (columns := in_columns(objects)) is not None:
        return columns.get
    return lambda key: [None if value is None else value.get(key) for value in objects]

"""What is left of records of home-grown JSON lines when the columns have taken theirs: their attributes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from agentlens._json_text import json_each
from agentlens.loaders._json_columns import SCALARS, Columns, has_nothing
from agentlens.loaders._mapping import Field, without


def attributes(row: dict[str, Any], said: Columns, records: list[dict[str, Any]]) -> list[bytes | None]:
    """Return what is left of each record: not the fields that a column took, but the numbers and flags that stood beside the
    texts of input and output, such as `output.confidence`.
    """
    taken = [_taken(row.get(column), used) for column, used in said.used.items()]
    fields = tuple(said.fields.values())

    @functools.cache
    def remover(keys: tuple[str, ...], numbers: tuple[int | None, ...]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        varying = iter(numbers)
        return _remover(fields, keys, tuple(next(varying) if isinstance(its, list) else its for its in taken))

    lists = [its for its in taken if isinstance(its, list)]
    told_apart = list(zip(said.shapes, zip(*lists) if lists else itertools.repeat(())))
    if told_apart.count(told_apart[0]) == len(told_apart):
        rests = list(map(remover(*told_apart[0]), records))
    else:
        rests = [remover(*shape)(record) for shape, record in zip(told_apart, records)]
    for side in ("input", "output"):
        if side in said.used and any(stood_beside := _scalars(said, side)):
            for rest, scalars, path, was_said in zip(rests, stood_beside, said.paths(side), row[side]):
                if scalars and was_said is not None:
                    rest[path] = scalars
    return [text if rest else None for rest, text in zip(rests, json_each(rests))]


def _scalars(said: Columns, side: str) -> Sequence[dict[str, Any]]:
    """Return the numbers and flags of each value that is an object, nothing of others; by key where all are of one shape."""
    columns = said.inside(side)
    kept = {key: its for key, its in (columns or {}).items() if not SCALARS.isdisjoint(map(type, its))}
    if columns is None or not all(set(map(type, its)) <= SCALARS for its in kept.values()):
        return [
            {key: item for key, item in value.items() if type(item) in SCALARS} if type(value) is dict else {}
            for value in said[side]
        ]
    return [dict(zip(kept, numbers)) for numbers in zip(*kept.values())]


def _taken(values: Sequence[Any] | None, used: int | list[int | None]) -> int | list[int | None] | None:
    """Return the number of the field that a column took of each record, None for records it has no value for; one for all where it
    is the same.
    """
    if values is None:
        return None
    if isinstance(used, int) and not has_nothing(values):
        return used
    each = itertools.repeat(used) if isinstance(used, int) else used
    numbers = [None if value is None else number for value, number in zip(values, each)]
    return numbers if len(set(numbers)) > 1 else numbers[0]


def _remover(
    fields: tuple[tuple[Field, ...], ...], keys: tuple[str, ...], numbers: tuple[int | None, ...]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what takes the fields of these numbers out of a record with these keys, as `without` does."""
    gone = [of_column[number] for of_column, number in zip(fields, numbers) if number is not None]
    whole = {field.path for field in gone} & set(keys)
    inner: dict[str, set[str]] = {}
    for field in gone:
        if field.path not in whole and field.keys[0] not in whole:
            inner.setdefault(field.keys[0], set()).add(field.keys[-1])
    if any(len(field.keys) > 2 for field in gone if field.path not in whole):
        return lambda record: without(record, gone)
    kept = [(key, inner.get(key)) for key in keys if key not in whole]
    if not inner:
        return lambda record: {key: record[key] for key, _ in kept}
    return lambda record: _pruned(record, kept)


def _pruned(record: dict[str, Any], kept: list[tuple[str, set[str] | None]]) -> dict[str, Any]:
    """Return the keys of a record to be kept, each without some keys of its own, and not at all when nothing is left."""
    rest = {}
    for key, gone in kept:
        value = record[key]
        if gone is None or type(value) is not dict:
            rest[key] = value
        elif len(value) > len(gone):
            rest[key] = {name: item for name, item in value.items() if name not in gone}
    return rest

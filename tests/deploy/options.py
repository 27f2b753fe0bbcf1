"""Settings models against the example files: what is not said, and what is said wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

Table = dict[str, Any]


def unsaid(model: type[BaseModel], tables: Sequence[Table]) -> list[str]:
    """Return the options of a model that none of its tables mentions.

    Where several options have tables of one kind, as the limits of a point, what one of them shows
    is shown.
    """
    kinds: dict[type[BaseModel], tuple[str, list[Table]]] = {}
    gather(model, tables, "", kinds)
    return [
        at + name
        for kind, (at, shown) in kinds.items()
        for name, _ in written(kind)
        if not any(name in table for table in shown)
    ]


def gather(
    model: type[BaseModel],
    tables: Sequence[Table],
    at: str,
    kinds: dict[type[BaseModel], tuple[str, list[Table]]],
) -> None:
    """Collect the tables of a model and of all that it holds, under the path of the first."""
    kinds.setdefault(model, (at, []))[1].extend(tables)
    for name, field in written(model):
        for below in tables_of(field.annotation):
            if any(name in table for table in tables):
                gather(below, of_kind(below, inner(tables, name)), f"{at}{name}.", kinds)


def misstated(
    model: type[BaseModel], shipped: Sequence[Table], shown: Sequence[Table], at: str = ""
) -> list[str]:
    """Return the options that are shown and not set, with another value than their default."""
    wrong: list[str] = []
    for name, field in written(model):
        below = tables_of(field.annotation)
        for each in below:
            set_there, seen = (of_kind(each, inner(of, name)) for of in (shipped, shown))
            wrong += misstated(each, set_there, seen, f"{at}{name}.")
        if below:
            continue
        if not field.is_required() and field.default not in (None, ()):
            if any(name in table for table in shipped):
                continue
            wrong += [
                f"{at}{name} = {table[name]!r}"
                for table in shown
                if name in table and valued(field, table[name]) != field.default
            ]
    return wrong


def written(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield each option under the name that a file gives it."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def valued(field: FieldInfo, said: object) -> object:
    """Return what the program makes of a value in a file."""
    kind = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind).validate_python(said)


def tables_of(annotation: object) -> list[type[BaseModel]]:
    """Return the models that an option's table may have; none for an option with a value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in tables_of(part)]


def of_kind(model: type[BaseModel], tables: Iterator[Table]) -> list[Table]:
    """Return the tables that are of this model, where their `kind` says of which they are."""
    kind = model.model_fields.get("kind")
    kinds = get_args(kind.annotation) if kind is not None else ()
    return [table for table in tables if not kinds or table.get("kind") in kinds]


def inner(tables: Sequence[Table], name: str) -> Iterator[Table]:
    """Yield every table of this name; a limit may be a number instead."""
    for table in tables:
        below = table.get(name, [])
        yield from (
            each
            for each in (below if isinstance(below, list) else [below])
            if isinstance(each, dict)
        )

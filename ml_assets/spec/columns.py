"""A model spec against the columns that dbt says its table has."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lakehouse.declaration.errors import FieldPath, SpecError, SpecSource, nearest_of
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec

TypeClass = Literal["text", "whole", "number", "boolean", "time", "other"]

_TYPE_CLASSES: dict[TypeClass, str] = {
    "text": r"varchar|char|bpchar|text|string|uuid",
    "whole": r"u?(?:(?:tiny|small|big|huge)int|integer|int(?:[1248]|16|32|64)?)|long|short",
    "number": r"double|float[48]?|real|decimal|numeric",
    "boolean": r"bool(?:ean)?|logical",
    "time": r"date|datetime|timestamp(?:tz|_s|_ms|_ns)?",
}
_CODES: tuple[TypeClass, ...] = ("text", "whole", "boolean")
_NUMBERS: tuple[TypeClass, ...] = ("whole", "number", "boolean")


@dataclass(frozen=True)
class _Use:
    """A column named in a spec: where, and which kinds of type do there."""

    path: FieldPath
    column: str
    fits: tuple[TypeClass, ...]


def check_columns(
    spec: ModelSpec | ExtractionSpec,
    columns: Mapping[str, str] | None,
    source: SpecSource,
    *,
    tables: Collection[str] = (),
) -> list[SpecError]:
    """What in the spec does not fit its table, by line: columns missing or of a type that is wrong.

    Args:
        spec: The spec.
        columns: DuckDB type by column, as `manifest_columns` gives them; an empty type is not
            checked, and None says that dbt has no such model.
        source: Where the spec stands, from `SpecFolder.sources`.
        tables: The dbt models there are, to name the nearest where the spec's is missing.
    """
    if columns is None:
        return [_missing_table(spec, tables, source)]
    errors = (_error(use, columns, spec.table, source) for use in _all_uses(spec))
    return sorted(
        (error for error in errors if error is not None), key=lambda one: (one.line, one.column)
    )


def manifest_columns(manifest: Mapping[str, Any], table: str) -> dict[str, str] | None:
    """The declared columns of a dbt model with their types, or None if there is no such model.

    >>> node = {"resource_type": "model", "name": "m", "columns": {"a": {"data_type": "bigint"}}}
    >>> manifest_columns({"nodes": {"model.p.m": node}}, "m")
    {'a': 'bigint'}
    """
    for node in _dbt_models(manifest):
        if node["name"] == table:
            columns = node.get("columns", {})
            return {name: column.get("data_type") or "" for name, column in columns.items()}
    return None


def manifest_tables(manifest: Mapping[str, Any]) -> list[str]:
    """The names of the manifest's dbt models, sorted."""
    return sorted(node["name"] for node in _dbt_models(manifest))


def type_class(data_type: str) -> TypeClass:
    """What kind of values a DuckDB type holds.

    >>> [type_class(name) for name in ("DECIMAL(18, 3)", "timestamp with time zone", "FLOAT[]")]
    ['number', 'time', 'other']
    """
    name = re.sub(r"\([^)]*\)|\s+with(?:out)? time zone", "", data_type.strip().lower()).strip()
    for kind, pattern in _TYPE_CLASSES.items():
        if re.fullmatch(pattern, name):
            return kind
    return "other"


def _dbt_models(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (
        node for node in manifest.get("nodes", {}).values() if node.get("resource_type") == "model"
    )


def _all_uses(spec: ModelSpec | ExtractionSpec) -> Iterator[_Use]:
    yield _Use(("entity_key",), spec.entity_key, ("text", "whole"))
    yield _Use(("event_time",), spec.event_time, ("time",))
    for column, values in spec.rows.items():
        whole = all(isinstance(value, int) for value in values)
        yield _Use(("rows", column), column, ("whole",) if whole else ("text",))
    yield from _uses(spec) if isinstance(spec, ModelSpec) else _extraction_uses(spec)


def _extraction_uses(spec: ExtractionSpec) -> Iterator[_Use]:
    for index, name in enumerate(spec.extraction.columns):
        yield _Use(("extraction", "columns", index), name, ("text",))
    for field, name in spec.extraction.labels.items():
        # A list of values is of no class.
        fits: dict[str, tuple[TypeClass, ...]] = {
            "number": ("number", "whole", "text", "other"),
            "date": ("time", "text", "other"),
        }
        declared = spec.extraction.fields[field].type
        yield _Use(("extraction", "labels", field), name, fits.get(declared, ("text", "other")))


def _uses(spec: ModelSpec) -> Iterator[_Use]:
    yield _Use(("label", "column"), spec.label.column, _label_types(spec))
    if spec.forecast is not None:
        yield _Use(("forecast", "anchor"), spec.forecast.anchor, ("whole", "number"))
    if spec.intervals.scale is not None:
        yield _Use(("intervals", "scale"), spec.intervals.scale, ("whole", "number"))
    near = spec.split.near_duplicates
    lists: list[tuple[FieldPath, Collection[str], tuple[TypeClass, ...]]] = [
        (("features", "text"), spec.features.text, ("text",)),
        (("features", "categorical"), spec.features.categorical, _CODES),
        (("features", "numeric"), spec.features.numeric, _NUMBERS),
        (("segments",), spec.segments, _CODES),
        (("split", "near_duplicates", "columns"), near.columns if near else (), ("text",)),
    ]
    for path, names, fits in lists:
        for index, name in enumerate(names):
            yield _Use((*path, index), name, fits)


def _label_types(spec: ModelSpec) -> tuple[TypeClass, ...]:
    if not spec.label.classes:
        return ("whole", "number")
    whole = all(isinstance(value, int) for value in spec.label.classes)
    return ("whole",) if whole else ("text",)


def _error(
    use: _Use, columns: Mapping[str, str], table: str, source: SpecSource
) -> SpecError | None:
    if use.column not in columns:
        return source.error(
            use.path,
            f"The dbt model '{table}' has no column '{use.column}'.",
            value=use.column,
            allowed=", ".join(sorted(columns)),
            nearest=nearest_of(use.column, columns),
        )
    data_type = columns[use.column]
    if not data_type or type_class(data_type) in use.fits:
        return None
    return source.error(
        use.path,
        f"'{use.column}' is {data_type} in '{table}', which does not fit here.",
        value=use.column,
        allowed="a column of " + " or ".join(_WORDS[kind] for kind in use.fits),
    )


_WORDS: dict[TypeClass, str] = {
    "text": "text",
    "whole": "whole numbers",
    "number": "numbers",
    "boolean": "booleans",
    "time": "times",
    "other": "lists",
}


def _missing_table(
    spec: ModelSpec | ExtractionSpec, tables: Collection[str], source: SpecSource
) -> SpecError:
    return source.error(
        ("table",),
        f"dbt has no model '{spec.table}'.",
        value=spec.table,
        allowed=", ".join(sorted(tables)),
        nearest=nearest_of(spec.table, tables),
    )

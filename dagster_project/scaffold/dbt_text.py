"""The texts of a new source's dbt files: its declaration, staging, outcomes and mart."""

import math
from collections.abc import Iterator

from dagster_project.scaffold.looking import LookedColumn
from dagster_project.scaffold.proposal import LOADED_AT, Proposal
from dagster_project.scaffold.spec_text import flow, scalar
from lakehouse.quoting import quote_identifier, quote_literal

_TYPES = {
    "code": "varchar", "text": "varchar", "whole": "bigint", "number": "double",
    "boolean": "boolean", "time": "timestamp with time zone",
}  # fmt: skip
_PLATFORM = {
    "_file": "Key of the file.",
    "_line": "Line of the file, from 1.",
    "_loaded_at": "When the line was loaded.",
    "_load_id": "Version of the file; a later load has a larger one.",
}
_KEY_TEXT = "Key of the row, 32 hexadecimal digits from the file's load and line."


def dbt_files(proposal: Proposal, *, source: str, is_declared: bool) -> dict[str, str]:
    """The files by their path below the dbt project's `models/`.

    Args:
        proposal: The model, whose table is a new mart over the source.
        source: The raw table.
        is_declared: Whether the source has a declaration already.
    """
    files = {} if is_declared else {f"staging/{source}/_sources.yml": _sources(proposal, source)}
    return files | {
        f"staging/{source}/stg_{source}.sql": _staging(proposal, source),
        f"staging/{source}/_staging.yml": _staging_yml(proposal, source),
        f"intermediate/{source}/int_{source}_outcomes.sql": _outcomes(proposal, source),
        f"intermediate/{source}/int_{source}_quarantined.sql": _quarantined(source),
        f"intermediate/{source}/_intermediate.yml": _intermediate_yml(proposal, source),
        f"marts/{source}/{proposal.table}.sql": _mart(proposal, source),
        f"marts/{source}/_marts.yml": _mart_yml(proposal, source),
    }


def mart_types(proposal: Proposal) -> dict[str, str]:
    """The mart's columns with their types."""
    types = {"staged_id": "varchar"} if proposal.key is None else {}
    types |= {column.name: _TYPES[_kind(proposal, column)] for column in proposal.columns}
    if proposal.event_time == LOADED_AT:
        types[LOADED_AT] = _TYPES["time"]
    return types | {"_file": "varchar", "_load_id": "bigint", "_assessed_snapshot_id": "bigint"}


def _kind(proposal: Proposal, column: LookedColumn) -> str:
    """The column's kind in the dbt models: classes that are words stay words."""
    words = proposal.classes and isinstance(proposal.classes[0], str)
    return "code" if words and column.name == proposal.label else column.kind


def _typed(proposal: Proposal) -> list[LookedColumn]:
    """The columns whose values may not be what they should."""
    return [one for one in proposal.columns if _kind(proposal, one) not in ("code", "text")]


def _sources(proposal: Proposal, source: str) -> str:
    lines = [
        "sources:",
        "  - name: raw",
        "    database: lake",
        "    schema: raw",
        "    tables:",
        f"      - name: {source}",
        "        description: >",
        f"          One row per line of a file landed under `{source}/`. Every column is text,"
        " exactly as it",
        "          stood in the file.",
        "        config:",
        "          loaded_at_field: _loaded_at",
        "        columns:",
    ]
    for column in proposal.columns:
        # Ten points below what the file shows, so that a usual file is complete.
        share = max(math.floor(10 * column.present / max(column.rows, 1)) / 10 - 0.1, 0.0)
        lines += [
            f"          - name: {scalar(column.raw)}",
            f"            description: {scalar(_shown(column))}",
            f"            config: {{meta: {{completeness: {share:.1f}}}}}",
        ]
    for name, text in _PLATFORM.items():
        lines += [f"          - name: {name}", f"            description: {text}"]
    return "\n".join(lines) + "\n"


def _shown(column: LookedColumn) -> str:
    words = {
        "code": "A short text", "text": "Free text", "whole": "A whole number",
        "number": "A number", "boolean": "True or false", "time": "A time",
    }[column.kind]  # fmt: skip
    if column.low and column.high:
        return f"{words}, from {column.low} to {column.high} in the first file."
    if column.values and len(column.values) <= 8:
        return f"{words}: {', '.join(column.values)} in the first file."
    return f"{words}; {column.distinct:,} different values in the first file."


def _staging(proposal: Proposal, source: str) -> str:
    expressions = [_cast(proposal, column) for column in proposal.columns]
    expressions += [
        f"{{{{ as_code({_argument(column)}) }}}} as {column.name}_raw"
        for column in _typed(proposal)
    ]
    columns = "".join(f"        {expression},\n" for expression in expressions)
    return f"""{{{{ config(unique_key='staged_id') }}}}

with

raw_rows as (

    select * from {{{{ source('raw', '{source}') }}}}
    {{% if is_incremental() %}}
        where _load_id > {{{{ newest('_load_id') }}}}
    {{% endif %}}

),

-- Materialized, or the engine would compute a value wherever it is used.
staged as materialized (

    select
        md5(concat_ws('|', _load_id, _line, _file)) as staged_id,
{columns}        _file,
        _line,
        _loaded_at,
        _load_id
    from raw_rows

)

select * from staged
"""  # noqa: S608 - names of its own making


def _argument(column: LookedColumn) -> str:
    """The raw column's quoted name as a text of Jinja."""
    return "'" + quote_identifier(column.raw).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _cast(proposal: Proposal, column: LookedColumn) -> str:
    kind = _kind(proposal, column)
    form = f", format='{column.time_format}'" if kind == "time" and column.time_format else ""
    return f"{{{{ as_{kind}({_argument(column)}{form}) }}}} as {column.name}"


def _rules(proposal: Proposal) -> Iterator[tuple[str, str, str]]:
    """Each rule: its name, the SQL condition that breaks it, and what it says."""
    if proposal.key:
        yield f"{proposal.key}_missing", f"{proposal.key} is null", "the key is blank"
    if proposal.event_time != LOADED_AT:
        name = proposal.event_time
        yield f"{name}_missing", f"{name} is null and {name}_raw is null", "the time is blank"
    for column in _typed(proposal):
        name = column.name
        kind = {"whole": "whole number", "boolean": "true or false"}.get(column.kind, column.kind)
        broken = f"{name} is null and {name}_raw is not null"
        yield f"{name}_invalid", broken, f"the value is not a {kind}"
    if proposal.classes:
        known = ", ".join(
            quote_literal(value) if isinstance(value, str) else str(value)
            for value in proposal.classes
        )
        condition = f"{proposal.label} not in ({known})"
        yield f"{proposal.label}_unknown", condition, "the label is none of the classes"


def _outcomes(proposal: Proposal, source: str) -> str:
    if proposal.key:
        identity = [f"cast({proposal.key} as varchar)"]
        why = (
            "Rows of one key are the same: the one loaded first is kept. To take a later\n"
            "    one in its place, land a changed file under the name of the former."
        )
    else:
        identity = [f"cast({column.name} as varchar)" for column in proposal.columns]
        why = "There is no key: rows in which all values are equal are the same."
    same = "\n".join(f"            {_jinja(expression)}," for expression in identity)
    rules = "\n".join(
        f"            {_jinja(name)}: {_jinja(broken)}," for name, broken, _ in _rules(proposal)
    )
    return f"""{{{{ config(unique_key='staged_id') }}}}

{{#- {why} -#}}
{{{{
    outcomes(
        staged=ref('stg_{source}'),
        key='staged_id',
        identity=[
{same}
        ],
        rules={{
{rules}
        }},
    )
}}}}
"""


def _jinja(text: str) -> str:
    """The text as a text of Jinja.

    >>> print(_jinja("a in ('it''s')"), _jinja("a"))
    "a in ('it''s')" 'a'
    """
    escaped = text.replace("\\", "\\\\")
    if "'" not in escaped:
        return f"'{escaped}'"
    return '"' + escaped.replace('"', '\\"') + '"'


def _quarantined(source: str) -> str:
    return f"""{{{{ config(unique_key='staged_id') }}}}

{{{{ quarantined(ref('int_{source}_outcomes'), ref('stg_{source}'), 'staged_id') }}}}
"""


def _mart(proposal: Proposal, source: str) -> str:
    key = proposal.key or "staged_id"
    names = [name for name in mart_types(proposal) if name != LOADED_AT]
    selected = [*names[:-3], *(["_loaded_at as loaded_at"] if _is_loaded(proposal) else ())]
    columns = "".join(f"        {name},\n" for name in [*selected, "_file", "_load_id"])
    return f"""{{{{ config(unique_key='{key}') }}}}

with

clean_rows as (

    {{{{ clean_rows(ref('int_{source}_outcomes'), ref('stg_{source}'), 'staged_id') }}}}

),

-- What is computed from the columns goes here, and into the contract in _marts.yml.
features as (

    select
{columns}        _assessed_snapshot_id
    from clean_rows

)

select * from features
"""  # noqa: S608 - names of its own making


def _is_loaded(proposal: Proposal) -> bool:
    return proposal.event_time == LOADED_AT


def _staging_yml(proposal: Proposal, source: str) -> str:
    lines = [
        "models:",
        f"  - name: stg_{source}",
        "    description: >",
        f"      Grain: one row per row of `raw.{source}`. Values are cast where that is possible"
        " (null where",
        "      it is not), nothing is judged.",
        "    columns:",
        *_column("staged_id", _KEY_TEXT, tests="[unique, not_null]"),
    ]
    for column in proposal.columns:
        lines += _column(column.name, _shown(column))
    for column in _typed(proposal):
        lines += _column(f"{column.name}_raw", f"`{column.name}` as it stood in the file.")
    for name, text in _PLATFORM.items():
        lines += _column(name, text)
    return "\n".join(lines) + "\n"


def _column(name: str, text: str, *, tests: str = "") -> list[str]:
    lines = [f"      - name: {name}", f"        description: {scalar(text)}"]
    return [*lines, f"        data_tests: {tests}"] if tests else lines


def _intermediate_yml(proposal: Proposal, source: str) -> str:
    rules = list(_rules(proposal))
    lines = [
        "models:",
        f"  - name: int_{source}_outcomes",
        "    description: >",
        f"      Grain: one row per row of `stg_{source}`: what became of it. A row that breaks a"
        " rule is",
        "      quarantined; of the others, the first of those that are the same is clean, the rest"
        " are",
        "      duplicates.",
        "    columns:",
        *_column("staged_id", f"Key, that of `stg_{source}`.", tests="[unique, not_null]"),
        *_column("row_key", "Hash of what makes two rows the same."),
        *_column("outcome", "`clean`, `quarantined` or `duplicate`."),
        "        data_tests:",
        "          - not_null",
        "          - accepted_values:",
        f"              name: {source}_outcome_is_known",
        "              arguments:",
        "                values: [clean, quarantined, duplicate]",
        *_column("rule", "The first rule that the row breaks; null if none."),
        "        data_tests:",
        "          - accepted_values:",
        f"              name: {source}_rule_is_known",
        "              arguments:",
        f"                values: {flow([name for name, _, _ in rules])}",
        *_column("rules", "All rules that the row breaks; empty if none."),
        *_column("duplicate_of", "The clean row that a duplicate repeats; null for other rows."),
        *_column("_file", _PLATFORM["_file"]),
        *_column("_line", _PLATFORM["_line"]),
        *_column("_load_id", _PLATFORM["_load_id"]),
        *_column("_assessed_snapshot_id", "The lake's snapshot at which this was found."),
        "",
        f"  - name: int_{source}_quarantined",
        "    description: >",
        "      Grain: one row per quarantined row, with the rules that it breaks and its values.",
        "    columns:",
        *_column("staged_id", f"Key, that of `stg_{source}`.", tests="[unique, not_null]"),
        *_column("rule", "The first rule that the row breaks."),
        *_column("rules", "All rules that the row breaks."),
    ]
    return "\n".join(lines) + "\n"


def _mart_yml(proposal: Proposal, source: str) -> str:
    key = proposal.key or "staged_id"
    texts = {column.name: _shown(column) for column in proposal.columns} | {
        "staged_id": _KEY_TEXT,
        LOADED_AT: "When the row was loaded, UTC.",
        "_file": "Key of the file that the row came in.",
        "_load_id": "Version of the file.",
        "_assessed_snapshot_id": "The lake's snapshot at which the row was found clean.",
    }
    texts[key] = "Key."
    texts[proposal.label] = "The label; null where it is not known yet."
    lines = [
        "models:",
        f"  - name: {proposal.table}",
        "    description: >",
        f"      Grain: one row per clean row of `{source}`. The feature table for ML.",
        "    columns:",
    ]
    required = {key, proposal.event_time, "_file", "_load_id"}
    for name, data_type in mart_types(proposal).items():
        lines += [f"      - name: {name}", f"        data_type: {data_type}"]
        lines.append(f"        description: {scalar(texts[name])}")
        if name in required:
            lines.append("        constraints: [{type: not_null}]")
        if name == key:
            lines.append("        data_tests: [unique, not_null]")
        if name == proposal.label and proposal.classes:
            quote = str(isinstance(proposal.classes[0], str)).lower()
            lines += [
                "        data_tests:",
                "          - accepted_values:",
                f"              name: {proposal.table}_{name}_is_a_class",
                "              arguments:",
                f"                values: {flow(proposal.classes)}",
                f"                quote: {quote}",
            ]
    return "\n".join(lines) + "\n"

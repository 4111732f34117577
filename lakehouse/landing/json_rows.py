"""From JSON texts with their line numbers to staged rows, in SQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.landing.exact_numbers import may_be_inexact, unmarked, with_marked_numbers
from lakehouse.landing.limits import COLUMN_LIMIT, NAME_LIMIT
from lakehouse.landing.naming import fold, raw_name
from lakehouse.landing.staging import (
    TEXT_LIMIT,
    RejectedLine,
    Staging,
    check_width,
    registered,
)
from lakehouse.quoting import quote_literal

if TYPE_CHECKING:
    import pyarrow as pa

_BLANKS = "e' \\t\\r\\n'"
# An object's keys. What is none is not tried: an error takes the engine longer than many objects.
_KEYS_OF_TEXT = (
    "case when starts_with(text, '{') or regexp_matches(text, '^[ \\t\\r\\n]*\\{')"
    " then try(json_keys(text)) end"
)
# Of the keys of an object: one cannot name a column; two mean the same one.
_UNUSABLE = (
    "(coalesce(len(list_filter(keys,"
    f" lambda key: length(key) > {NAME_LIMIT} or contains(key, chr(0)))), 0) > 0)"
)
_CONFLICTING = (
    "coalesce(len(list_distinct(list_transform(keys,"
    " lambda key: map($keys::varchar[], $columns::varchar[])[key]))) < len(keys), false)"
)


@dataclass(frozen=True)
class _Keys:
    """The keys of a chunk's objects.

    Attributes:
        columns: The raw column that each key fills; several keys where they differ only by case.
        all_rows: Whether every text of the chunk is a JSON object that can be a row.
    """

    columns: dict[str, str]
    all_rows: bool

    @property
    def by_column(self) -> dict[str, list[str]]:
        """The keys that fill each raw column."""
        found: dict[str, list[str]] = {}
        for key, column in self.columns.items():
            found.setdefault(column, []).append(key)
        return found


def stage_json(
    staging: Staging,
    texts: "pa.LargeBinaryArray",
    lines: "pa.Array",
    *,
    columns: tuple[str, ...],
    encoding: str,
) -> None:
    """Stages JSON texts: objects as rows, everything else as rejected lines.

    Scalars become their text, nested values JSON text, null NULL.

    Args:
        staging: Where to.
        texts: One JSON text in UTF-8 a line or record, blanks around it allowed.
        lines: Its number, int64.
        columns: The declared columns.
        encoding: The file's own encoding, named where a text is not valid in it.
    """
    import pyarrow as pa

    try:
        valid = texts.cast(pa.large_string())
    except pa.ArrowInvalid:
        sound = pa.array([_is_utf8(text) for text in texts.to_pylist()])
        staging.reject(_undecodable(texts, lines, sound, encoding))
        valid, lines = texts.filter(sound).cast(pa.large_string()), lines.filter(sound)
    _stage_valid(staging, valid, lines, columns)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(
    texts: "pa.LargeBinaryArray", lines: "pa.Array", sound: "pa.BooleanArray", encoding: str
) -> list[RejectedLine]:
    import pyarrow.compute as pc

    bad = pc.invert(sound)
    pairs = zip(texts.filter(bad).to_pylist(), lines.filter(bad).to_pylist(), strict=True)
    return [
        RejectedLine(line, text.decode(errors="replace").rstrip("\r\n"), f"not valid {encoding}")
        for text, line in pairs
    ]


def _stage_valid(
    staging: Staging, texts: "pa.LargeStringArray", lines: "pa.Array", columns: tuple[str, ...]
) -> None:
    import pyarrow as pa

    with registered(staging.engine, _batches(pa.table({"text": texts, "_line": lines}))):
        keys, inexact = _keys(staging, columns)
    with registered(staging.engine, _batches(_with_marks(texts, lines, inexact))):
        relation = "chunk"
        if not keys.all_rows:
            _judge(staging)
            _reject(staging)
            relation = "(select * from judged where reason is null)"
        _add_rows(staging, keys, relation=relation, any_marked=bool(inexact))


def _batches(table: "pa.Table") -> "pa.Table":
    """The table in batches of a few thousand rows, which the engine reads in parallel."""
    import pyarrow as pa

    return pa.Table.from_batches(table.to_batches(4096), table.schema)


def _with_marks(texts: "pa.LargeStringArray", lines: "pa.Array", inexact: list[int]) -> "pa.Table":
    """The chunk with the numbers of the texts on those lines marked."""
    import pyarrow as pa
    import pyarrow.compute as pc

    marked = pc.is_in(lines, pa.array(inexact, lines.type))
    if inexact:
        replacements = [with_marked_numbers(text) for text in texts.filter(marked).to_pylist()]
        texts = pc.replace_with_mask(texts, marked, pa.array(replacements, texts.type))
    return pa.table({"text": texts, "_line": lines, "marked": marked})


def _keys(staging: Staging, columns: tuple[str, ...]) -> tuple[_Keys, list[int]]:
    """The keys of the chunk, and the lines with numbers that need care."""
    engine = staging.engine
    engine.execute(
        f"""
        create or replace temp table key_lists as
        select {_KEYS_OF_TEXT} as keys, min(_line) as first,
            list(_line) filter ({may_be_inexact("text")}) as inexact
        from chunk group by keys
        """  # noqa: S608 - a constant
    )
    found = _columns_of_keys(staging, columns)
    # Few, where the lists of all objects are few; to look at each object would take far longer.
    engine.execute(
        f"""
        create or replace temp table bad_keys as select keys, case
            when {_UNUSABLE}
                then 'a name with a NUL character or more than {NAME_LIMIT} characters'
            else 'two keys mean the same column'
            end as problem
        from key_lists where {_UNUSABLE} or {_CONFLICTING}
        """,  # noqa: S608 - constants
        {"keys": list(found), "columns": list(found.values())},
    )
    not_rows = engine.execute(
        "select count(*) from key_lists where coalesce(len(keys), 0) = 0"
        " or keys in (select keys from bad_keys)"
    ).fetchone()
    inexact = engine.execute("select unnest(inexact) from key_lists").fetchnumpy()
    lines: list[int] = next(iter(inexact.values())).tolist()
    return _Keys(found, all_rows=not_rows == (0,)), lines


def _columns_of_keys(staging: Staging, columns: tuple[str, ...]) -> dict[str, str]:
    """The raw column of each key, the declared ones first, the others as they appear."""
    keys = staging.engine.execute(
        f"""
        select key from (
            select unnest(keys) as key, generate_subscripts(keys, 1) as place, first
            from key_lists where not {_UNUSABLE}
        ) group by key order by min((first, place))
        """  # noqa: S608 - a constant
    )
    names = {fold(column): column for column in columns}
    found: dict[str, str] = {}
    while some := keys.fetchmany(COLUMN_LIMIT):
        for (key,) in some:
            name = raw_name(key, columns)
            found[key] = names.setdefault(fold(name), name)
        check_width(len(names))
    places = {column: place for place, column in enumerate(names.values())}
    return dict(sorted(found.items(), key=lambda item: places[item[1]]))


def _judge(staging: Staging) -> None:
    """Puts the chunk with the reason for each text that cannot be a row into `judged`."""
    staging.engine.execute(
        f"""
        create or replace temp table judged as
        select text, _line, marked, case
            when json_valid(text)
                then if(json_type(text) <> 'OBJECT', 'not a JSON object', problem)
            when trim(text, {_BLANKS}) = '' then 'blank line'
            else 'not valid JSON'
            end as reason
        from (select *, {_KEYS_OF_TEXT} as keys from chunk) left join bad_keys using (keys)
        """  # noqa: S608 - a constant
    )


def _reject(staging: Staging) -> None:
    shown = f"case when marked then {unmarked('text')} else text end"
    rejected = staging.engine.execute(
        f"select _line, left(rtrim({shown}, {_BLANKS}), {TEXT_LIMIT}), reason"  # noqa: S608 - constants
        " from judged where reason is not null order by _line"
    ).fetchall()
    staging.reject([RejectedLine(*line) for line in rejected])


def _add_rows(staging: Staging, keys: _Keys, *, relation: str, any_marked: bool) -> None:
    """Adds the rows; the first key of each column is read in one pass over the text."""
    by_column = keys.by_column
    firsts = {found[0]: "VARCHAR" for found in by_column.values() if found[0]}
    selected = {}
    for column, found in by_column.items():
        value = f"coalesce({', '.join(_value(key, firsts) for key in found)})"
        selected[column] = (
            f"case when marked then {unmarked(value)} else {value} end" if any_marked else value
        )
    fields = f"from_json(text, {quote_literal(json.dumps(firsts))}) as fields, " if firsts else ""
    staging.add_rows(selected, f"(select {fields}text, marked, _line from {relation})")  # noqa: S608 - quoted


def _value(key: str, in_struct: Mapping[str, str]) -> str:
    if key in in_struct:
        return f"struct_extract(fields, {quote_literal(key)})"
    return f"json_extract_string(text, {quote_literal(_pointer(key))})"


def _pointer(key: str) -> str:
    """The JSON pointer (RFC 6901) to a key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")

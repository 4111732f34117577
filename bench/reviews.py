"""The benchmarks' common input: generated reviews, and the feature table that dbt would make."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.reviews import generate_reviews

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES = "features.parquet"
_SEED = 7
# One type a column: what pandas and DuckDB can read without settings.
_TYPES: dict[str, tuple[type, ...]] = {
    "rating": (float,),
    "timestamp": (int,),
    "helpful_vote": (int,),
    "verified_purchase": (bool,),
    "text": (str,),
    "user_id": (str,),
    "asin": (str,),
    "title": (str, type(None)),
}


def write_readable_reviews(folder: Path, rows: int) -> None:
    """Writes JSON lines without the lines at which the other readers would stop."""
    generate_reviews(folder, rows=rows, seed=_SEED)
    for file in sorted(folder.glob("*.jsonl")):
        kept = [line for line in file.read_bytes().splitlines() if _readable(line)]
        file.write_bytes(b"\n".join([*kept, b""]))


def _readable(line: bytes) -> bool:
    try:
        record: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and all(
        isinstance(record.get(name), types) for name, types in _TYPES.items()
    )


def write_features(folder: Path, rows: int) -> None:
    """Writes `features.parquet`: the columns of the demo's spec, made as the dbt models do."""
    import pyarrow.parquet as pq

    write_readable_reviews(folder, rows)
    # Row groups as the lake writes them: a file of one group would be read as a whole.
    pq.write_table(_features(folder), folder / FEATURES, row_group_size=122_880)


def _features(folder: Path) -> "pa.Table":
    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc

    from lakehouse.text.cleaning import clean_texts
    from lakehouse.text.language import detect_languages
    from lakehouse.text.statistics import texts_statistics

    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        raw = engine.execute(
            "select row_number() over () ::varchar as review_id,"
            " make_timestamptz(timestamp * 1000) as review_at, rating::smallint as rating,"
            " title, text, verified_purchase from read_json($files, format='newline_delimited')"
            " where rating between 1 and 5",
            {"files": [str(file) for file in sorted(folder.glob("*.jsonl"))]},
        ).to_arrow_table()
    texts = {name: clean_texts(raw.column(name)) for name in ("title", "text")}
    counts = {name: texts_statistics(column) for name, column in texts.items()}
    text, titles = counts["text"], counts["title"]
    characters = pc.cast(text.field("characters"), pa.float64())
    letters = pc.cast(text.field("letters"), pa.float64())
    columns = {
        **{name: raw.column(name) for name in ("review_id", "review_at", "rating")},
        **texts,
        "verified_purchase": raw.column("verified_purchase"),
        "language": detect_languages(texts["text"]),
        "title_words": pc.fill_null(titles.field("words"), 0),
        "text_words": text.field("words"),
        "exclamation_marks": text.field("exclamation_marks"),
        "question_marks": text.field("question_marks"),
        "uppercase_share": _share(text.field("uppercase_letters"), letters),
        "digit_share": _share(text.field("digits"), characters),
    }
    return pa.table(columns)


def _share(part: "pa.Array", whole: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(whole, 0), None, pc.divide(part, whole))

"""Text: our functions over columns against the same libraries called row by row.

The results are nearly the same, not quite: ftfy also straightens quotes and widths, which ours
leaves as they are, and that now and then tips the language of a short text.
"""

import html
from functools import cache
from pathlib import Path
from typing import Any

from bench.reviews import write_readable_reviews

_TEXTS = "texts.parquet"
# DuckDB hands its functions columns of this length.
_VECTOR = 2048


def prepare(folder: Path, rows: int) -> None:
    """The reviews' texts as they landed."""
    import duckdb

    from lakehouse.quoting import quote_literal

    write_readable_reviews(folder, rows)
    with duckdb.connect() as engine:
        engine.execute(
            "copy (select text from read_json($files, format='newline_delimited'))"  # noqa: S608
            f" to {quote_literal(str(folder / _TEXTS))}",
            {"files": str(folder / "*.jsonl")},
        )


def tidemark(inputs: Path, output: Path) -> None:
    """The functions that dbt calls, on columns as long as DuckDB's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lakehouse.text.cleaning import clean_texts
    from lakehouse.text.language import detect_languages

    schema = pa.schema([("text", pa.string()), ("language", pa.string())])
    with pq.ParquetWriter(output / "found.parquet", schema) as writer:
        for batch in pq.ParquetFile(inputs / _TEXTS).iter_batches(_VECTOR):
            cleaned = clean_texts(batch.column("text"))
            columns = [cleaned, detect_languages(cleaned)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def by_row(inputs: Path, output: Path) -> None:
    """The libraries on one text after the other, with our languages and confidence."""
    import ftfy
    import pyarrow as pa
    import pyarrow.parquet as pq

    identifier, characters, confidence = _identifier()
    texts, languages = [], []
    for text in pq.read_table(inputs / _TEXTS).column("text").to_pylist():
        cleaned = ftfy.fix_text(html.unescape(text)).strip()
        language, sure = identifier.classify(cleaned[:characters])
        texts.append(cleaned)
        languages.append(language if sure >= confidence else "und")
    table = pa.table({"text": texts, "language": languages})
    pq.write_table(table, output / "found.parquet")


@cache
def _identifier() -> tuple[Any, int, float]:
    """py3langid's classifier, the characters it is given, and the confidence it must reach."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from lakehouse.text.language import LANGUAGES, MINIMUM_CONFIDENCE

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier, 200, MINIMUM_CONFIDENCE


def fingerprint(output: Path) -> dict[str, Any]:
    """Rows, and rows of the languages that are in the data."""
    import duckdb

    with duckdb.connect() as connection:
        rows, *counts = connection.execute(
            "select count(*), count(*) filter (language = 'en'), count(*) filter (language = 'es'),"
            " count(*) filter (language = 'pt') from read_parquet($file)",
            {"file": str(output / "found.parquet")},
        ).fetchall()[0]
    return {"rows": rows, **dict(zip(("en", "es", "pt"), counts, strict=True))}

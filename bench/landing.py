"""Landing: our readers against pandas and DuckDB on the same JSON lines.

Ours does more: it hashes the file, detects format and encoding, keeps every value as it is
written, numbers the lines, and sets aside lines that the others stop at (here there are none).
"""

from pathlib import Path
from typing import Any

from bench.reviews import write_readable_reviews

SOURCE = "reviews"


def prepare(folder: Path, rows: int) -> None:
    """Monthly files under the source's folder, as they land."""
    (folder / SOURCE).mkdir()
    write_readable_reviews(folder / SOURCE, rows)


def tidemark(inputs: Path, output: Path) -> None:
    """Reads and stages each file, and writes its rows compressed, as the lake's insert does."""
    from contextlib import closing

    from pydantic import SecretStr

    from dagster_project.settings import PROJECT_ROOT
    from lakehouse.config import LakeConfig, S3Config
    from lakehouse.landing.files import list_landed
    from lakehouse.landing.preparation import prepare_file
    from lakehouse.landing.staging import staging_engine
    from lakehouse.quoting import quote_literal
    from lakehouse.sources import load_sources

    config = LakeConfig(
        postgres_url=SecretStr(""), data_path=str(output), state_folder=output / "state"
    )
    source = load_sources(PROJECT_ROOT / "dbt_project")[SOURCE]
    scratch = output / "scratch"
    scratch.mkdir()
    with closing(staging_engine(config, scratch)) as engine:
        for number, file in enumerate(list_landed(str(inputs), SOURCE, S3Config())):
            prepared = prepare_file(
                file,
                source=source,
                folder=scratch / str(number),
                engine=engine,
                remote=None,
                known=None,
            )
            if prepared.staged is None:
                raise RuntimeError(f"{file.key} was not read: {prepared.reason}")
            target = output / f"{number}.parquet"
            staged = [str(path) for path in prepared.staged.rows]
            engine.execute(
                f"copy (from read_parquet($staged)) to {quote_literal(str(target))}",
                {"staged": staged},
            )


def pandas(inputs: Path, output: Path) -> None:
    """One frame a file."""
    import pandas as pd

    for file in sorted((inputs / SOURCE).glob("*.jsonl")):
        pd.read_json(file, lines=True).to_parquet(output / f"{file.stem}.parquet")


def duckdb(inputs: Path, output: Path) -> None:
    """One statement a file."""
    import duckdb as engine

    from lakehouse.quoting import quote_literal

    with engine.connect(config={"threads": "2"}) as connection:
        for file in sorted((inputs / SOURCE).glob("*.jsonl")):
            target = output / f"{file.stem}.parquet"
            connection.execute(
                "copy (from read_json($file, format='newline_delimited'))"
                f" to {quote_literal(str(target))}",
                {"file": str(file)},
            )


def fingerprint(output: Path) -> dict[str, Any]:
    """Rows, characters of text and authors in what was written."""
    import duckdb as engine

    with engine.connect() as connection:
        rows, characters, authors = connection.execute(
            "select count(*), sum(length(text))::bigint, count(distinct user_id)"
            " from read_parquet($files)",
            {"files": [str(file) for file in sorted(output.glob("*.parquet"))]},
        ).fetchall()[0]
    return {"rows": rows, "characters": characters, "authors": authors}

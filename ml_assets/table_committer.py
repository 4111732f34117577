"""Commits the files that tasks wrote: all of them, once, under the writer lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from lakehouse.connection import Lake, LakeWrite
from lakehouse.errors import TidemarkError
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.quoting import quote_literal
from lakehouse.s3 import s3_client, split_s3_path, upload_arguments
from ml_assets.task_engine import Task, TaskResult


@dataclass(frozen=True)
class TableCommitter:
    """Appends the results of tasks to a lake table in one commit.

    Attributes:
        lake: The lake.
        key: Columns that a row must not share with a row that is there.
    """

    lake: Lake
    key: tuple[str, ...]

    def append(
        self, table: tuple[str, str], tasks: Sequence[Task], results: Sequence[TaskResult],
        *, rows: int, run_id: str,
    ) -> int:  # fmt: skip
        """Commits the results' files and returns the number of rows that became visible.

        Idempotent: rows whose key is in the table already (a concurrent run, or this run tried
        again) are left out.

        Args:
            table: Schema and name.
            tasks: What was asked for.
            results: What came back; one for each task.
            rows: Rows that went into the tasks.
            run_id: Names the committed files.

        Raises:
            TidemarkError: A task or a row is missing, or the schemas disagree.
        """
        _check_complete(tasks, results, rows)
        files = [file for result in results for file in result.files]
        if not files:
            return 0
        schema, name = table
        # Added files stay as they are: an encrypted lake takes the rows instead, encrypting them.
        by_file = not self.lake.config.encrypted
        if by_file:
            # A run that is tried again names its files as before; those are in the table.
            files = self._publish(files, f"{schema}/{name}/{run_id}-{uuid4().hex[:8]}")
        with self.lake.write(f"append to {schema}.{name}") as write:
            known = self._rows_known(write, table, files)
            if known == 0 and by_file:
                for file in files:
                    write.connection.execute(
                        f"call ducklake_add_data_files('lake', {quote_literal(name)},"
                        f" {quote_literal(file)}, schema => {quote_literal(schema)})"
                    )
            else:
                # An added file could not leave single rows out.
                write.connection.execute(
                    f"insert into lake.{quoted(schema)}.{quoted(name)} by name"  # noqa: S608
                    " select * from read_parquet(?, hive_partitioning => false) as fresh"
                    f" where not exists (from lake.{quoted(schema)}.{quoted(name)} as present"
                    f" where {self._same_key()})",
                    [files],
                )
        return rows - known

    def _rows_known(self, write: LakeWrite, table: tuple[str, str], files: list[str]) -> int:
        schema, name = table
        row = write.connection.execute(
            "select count(*) from read_parquet(?, hive_partitioning => false) as fresh"  # noqa: S608
            f" where exists (from lake.{quoted(schema)}.{quoted(name)} as present"
            f" where {self._same_key()})",
            [files],
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _same_key(self) -> str:
        return " and ".join(f"present.{quoted(k)} = fresh.{quoted(k)}" for k in self.key)

    def _publish(self, files: list[str], folder: str) -> list[str]:
        """The files under the lake's data path, where the committed table refers to them."""
        config = self.lake.config
        target = f"{config.data_path.rstrip('/')}/{folder}"
        if config.is_remote:
            bucket, prefix = split_s3_path(target)
            client = s3_client(config.s3)
            for file in files:
                client.upload_file(
                    file,
                    bucket,
                    f"{prefix}/{Path(file).name}",
                    ExtraArgs=upload_arguments(config.s3),
                )
            return [f"{target}/{Path(file).name}" for file in files]
        Path(target).mkdir(parents=True, exist_ok=True)
        return [_moved(Path(file), Path(target)) for file in files]


def _moved(file: Path, folder: Path) -> str:
    import shutil

    return str(shutil.move(file, folder / file.name))


def _check_complete(tasks: Sequence[Task], results: Sequence[TaskResult], rows: int) -> None:
    missing = {task.task_id for task in tasks} - {result.task_id for result in results}
    written = sum(result.rows for result in results)
    schemas = {result.schema_hash for result in results}
    if missing or written != rows or len(schemas) > 1 or len(results) != len(tasks):
        raise TidemarkError(
            f"The work is incomplete: {len(results)} of {len(tasks)} tasks, {written} of {rows}"
            f" rows, {len(schemas)} schemas. Nothing was committed.",
            hint="Run again; if it comes back, look at the log of the failed step.",
        )

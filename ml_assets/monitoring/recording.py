"""Monitor rows in the lake: replaced window by window, and read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Row = TypeVar("Row", bound=DataclassInstance)


@dataclass(frozen=True)
class Measurement:
    """What stands on every row of one measuring: of which version, when (UTC), by which run."""

    model: str
    version: int
    now: datetime
    run_id: str


@dataclass(frozen=True)
class MonitorTable:
    """The rows of one model version in a table of the schema `monitoring`.

    Attributes:
        name: The table.
        owner: Column values that all of these rows have.
    """

    name: str
    owner: Mapping[str, Any]

    @property
    def _condition(self) -> str:
        return " and ".join(f"{quoted(name)} = ${name}" for name in self.owner)

    def measured_windows(self, lake: Lake, *, segment: str) -> dict[datetime, int]:
        """The number of rows that each window had when it was measured."""
        query = (
            f"select window_start, any_value(rows) from lake.monitoring.{quoted(self.name)}"  # noqa: S608
            f" where {self._condition} and segment = $segment group by all"
        )
        with lake.connection() as connection:
            found = connection.execute(query, {**self.owner, "segment": segment}).fetchall()
        return {start.astimezone(UTC): int(rows) for start, rows in found}

    def replace(
        self, lake: Lake, rows: "Sequence[DataclassInstance]", *, windows: Sequence[datetime]
    ) -> None:
        """Puts the rows in the place of all that the windows had, in one commit."""
        import pyarrow as pa

        if not windows:
            return
        name = f"new_{self.name}_rows"
        with lake.connection() as connection:
            if rows:
                columns = {
                    field.name: [getattr(row, field.name) for row in rows]
                    for field in fields(rows[0])
                }
                connection.register(name, pa.table(columns))
            try:
                with lake.write(f"{self.name} of {self.owner['model']}") as write:
                    write.connection.execute(
                        f"delete from lake.monitoring.{quoted(self.name)} where {self._condition}"  # noqa: S608
                        " and list_contains($windows::timestamptz[], window_start)",
                        {**self.owner, "windows": list(windows)},
                    )
                    if rows:
                        write.connection.execute(
                            f"insert into lake.monitoring.{quoted(self.name)} by name"  # noqa: S608
                            f" select * from {quoted(name)}"
                        )
            finally:
                if rows:
                    connection.unregister(name)

    def read(self, lake: Lake, row_type: "type[Row]") -> "list[Row]":
        """All of these rows, by window and segment."""
        names = ", ".join(quoted(field.name) for field in fields(row_type))
        query = (
            f"select {names} from lake.monitoring.{quoted(self.name)} where {self._condition}"  # noqa: S608
            " order by all"
        )
        with lake.connection() as connection:
            found = connection.execute(query, dict(self.owner)).fetchall()
        return [row_type(*(_in_utc(value) for value in row)) for row in found]


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value

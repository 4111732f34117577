"""Sources on a lake of the test's own: pulled, landed, ingested."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.feeds.loading import parse_feed
from lakehouse.landing.commit import IngestResult
from lakehouse.landing.files import list_sources
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.pulls.context import PullContext
from lakehouse.pulls.pull import pull_source
from lakehouse.pulls.records import PullRecord
from lakehouse.sources import Source, with_feeds
from tests.servers.api import Api, api_server

OBSERVATIONS = Source(name="series_observations", columns=("series", "date", "value"))


@dataclass
class Puller:
    """One declared source, pulled at a time that the test sets."""

    lake: Lake
    folder: Path
    declaration: str
    table: Source = OBSERVATIONS
    variables: dict[str, str] = field(default_factory=dict)
    now: datetime = datetime(2025, 11, 25, 20, tzinfo=UTC)

    @property
    def source(self) -> Source:
        parsed = parse_feed(self.declaration, "source.yaml")
        assert parsed.spec is not None, [error.render() for error in parsed.errors]
        return with_feeds({self.table.name: self.table}, [parsed.spec])[self.table.name]

    @property
    def landing(self) -> str:
        return str(self.folder / "landing")

    def pull(self) -> PullRecord:
        feed = next(feed for feed in self.source.feeds or () if feed.pulled)
        context = PullContext(
            lake=self.lake,
            landing=self.landing,
            state_folder=self.folder / "state",
            variable=self.variables.get,
            now=lambda: self.now,
            sleep=lambda _: None,
        )
        return pull_source(context, feed, self.source)

    @property
    def landed(self) -> list[Path]:
        """All files in the landing zone, hidden and temporary ones too."""
        return sorted(path for path in Path(self.landing).rglob("*") if path.is_file())

    def ingest(self) -> list[IngestResult]:
        """Takes what has landed, as a run does."""
        listed = list_sources(self.landing, [self.source], S3Config())
        pending = pending_files(self.lake, listed)
        return ingest_files(self.lake, self.source, pending, landing=self.landing)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.lake.rows(query)


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as server:
        yield server


@pytest.fixture
def puller(lake: Lake, tmp_path: Path) -> Callable[..., Puller]:
    def make(declaration: str, **options: Any) -> Puller:
        return Puller(lake, tmp_path, declaration, **options)

    return make

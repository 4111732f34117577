"""An independent reading of review files in plain Python, which applies the documented rules."""

import html
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import ftfy
import pytest

from demo.reviews import generate_reviews
from demo.truth import PlantedFile, PlantedTruth

# Later than every month that the tests generate, earlier than the planted future.
LOADED_AT_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1000
DAY_MS = 86_400_000


class Reading:
    """What an independent, line-by-line reading finds in a folder of review files."""

    def __init__(self, folder: Path):
        self.files: dict[str, PlantedFile] = {}
        self.rules: Counter[str] = Counter()
        self.clean: list[dict] = []
        self.repeated = 0
        self._seen: set[tuple] = set()
        for path in sorted(folder.iterdir()):
            self.files[path.name] = self._read(path)

    def _read(self, path: Path) -> PlantedFile:
        counts: Counter[str] = Counter()
        lines = path.read_bytes().decode("utf-8").split("\n")
        assert lines.pop() == "", "the last line must end in a newline"
        for line in lines:
            counts[self._outcome(line, path.name)] += 1
        return PlantedFile(
            lines=len(lines),
            rejected=counts["rejected"],
            quarantined=counts["quarantined"],
            exact_duplicates=counts["duplicate"],
            clean=counts["clean"],
        )

    def _outcome(self, line: str, file_name: str) -> str:
        try:
            record = json.loads(line)
        except ValueError:
            return "rejected"
        if not isinstance(record, dict):
            return "rejected"
        if broken := broken_rules(record):
            assert len(broken) == 1, f"a line carries one defect, got {broken}"
            self.rules[broken[0]] += 1
            return "quarantined"
        key = (
            record["user_id"],
            record["asin"],
            record["timestamp"],
            record["rating"],
            record["title"],
            cleaned(record["text"]),
        )
        if key in self._seen:
            return "duplicate"
        self._seen.add(key)
        self.clean.append(record | {"file": file_name})
        return "clean"


def is_blank(value: object) -> bool:
    return value is None or not str(value).strip()


def is_whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


def broken_rules(record: dict) -> list[str]:
    rating, time = record.get("rating"), record.get("timestamp")
    votes, verified = record.get("helpful_vote"), record.get("verified_purchase")
    checks = {
        "rating_not_a_number": not isinstance(rating, int | float),
        "rating_out_of_range": isinstance(rating, int | float) and rating not in {1, 2, 3, 4, 5},
        "timestamp_invalid": not is_whole(time),
        "timestamp_in_future": is_whole(time) and time > LOADED_AT_MS + DAY_MS,
        "text_missing": is_blank(record.get("text")),
        "user_missing": is_blank(record.get("user_id")),
        "product_missing": is_blank(record.get("asin")) and is_blank(record.get("parent_asin")),
        "helpful_vote_invalid": votes is not None and not (is_whole(votes) and votes >= 0),
        "verified_purchase_invalid": verified not in {None, True, False},
    }
    return [rule for rule, is_broken in checks.items() if is_broken]


def cleaned(text: str) -> str:
    return ftfy.fix_text(html.unescape(text), uncurl_quotes=False)


@pytest.fixture(scope="session")
def read_folder() -> Callable[[Path], Reading]:
    """Reads a folder line by line, independently of the generator."""
    return Reading


@pytest.fixture(scope="session")
def clean_text() -> Callable[[str], str]:
    """Decodes entities and repairs mojibake."""
    return cleaned


@pytest.fixture(scope="session")
def default_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reviews")


@pytest.fixture(scope="session")
def default_truth(default_folder: Path) -> PlantedTruth:
    return generate_reviews(default_folder)


@pytest.fixture(scope="session")
def default_reading(default_folder: Path, default_truth: PlantedTruth) -> Reading:
    return Reading(default_folder)

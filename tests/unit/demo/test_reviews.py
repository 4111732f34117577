import hashlib
import html
import json
import re
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import ftfy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.defects import DEFECTS
from demo.drift import first_drifted_month
from demo.reviews import generate_reviews

FIELDS = {
    "rating",
    "title",
    "text",
    "images",
    "asin",
    "parent_asin",
    "user_id",
    "timestamp",
    "helpful_vote",
    "verified_purchase",
}


def digest(folder: Path) -> str:
    content = b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()))
    return hashlib.sha256(content).hexdigest()


def test_counts_equal_those_of_an_independent_reading(default_truth, default_reading):
    assert default_truth.files == default_reading.files
    rules = {rule: count for rule, count in default_truth.quarantined_by_rule.items() if count}
    assert rules == dict(default_reading.rules)
    assert default_truth.clean == len(default_reading.clean)


def test_entities_and_mojibake_stand_in_exactly_the_planted_rows(default_truth, default_reading):
    texts = [record["text"] for record in default_reading.clean]
    entities = [text for text in texts if html.unescape(text) != text]
    garbled = [text for text in texts if ftfy.fix_text(text, unescape_html=False) != plain(text)]
    assert len(entities) == default_truth.html_entities
    assert len(garbled) == default_truth.mojibake
    assert not set(entities) & set(garbled)
    for sign in ("&#34;", "&amp;", "&#39;"):
        assert any(sign in text for text in entities)


def plain(text: str) -> str:
    return text.replace("\u2019", "'")


def test_near_duplicates_are_clean_rows_that_resemble_an_earlier_one(
    default_truth, default_reading
):
    earlier: dict[tuple, list[set[str]]] = {}
    found = 0
    for record in default_reading.clean:
        words = set(re.findall(r"\w+", record["text"].lower()))
        key = (record["asin"], record["title"], record["rating"], str(record["images"]))
        others = earlier.setdefault(key, [])
        found += any(len(words & other) / len(words | other) >= 0.75 for other in others)
        if len(words) >= 5:
            others.append(words)
    # Some short reviews of one product resemble each other by accident.
    assert default_truth.near_duplicates * 0.95 <= found <= default_truth.near_duplicates * 1.25


def test_default_is_twenty_thousand_lines_in_twelve_monthly_files(default_truth):
    assert default_truth.lines == 20_000
    names = list(default_truth.files)
    assert (len(names), names[0], names[-1]) == (
        12,
        "reviews_2025-07.jsonl",
        "reviews_2026-06.jsonl",
    )
    assert {counts.lines for counts in default_truth.files.values()} == {1666, 1667}


def test_every_kind_of_defect_and_every_rule_occurs_from_2000_rows_on(tmp_path, read_folder):
    truth = generate_reviews(tmp_path, rows=2_000, seed=1)
    assert set(truth.defects) == {defect.name for defect in DEFECTS}
    assert min(truth.defects.values()) >= 1
    assert read_folder(tmp_path).rules.keys() == truth.quarantined_by_rule.keys()


def test_same_arguments_write_the_same_bytes(tmp_path):
    truths = [generate_reviews(tmp_path / name, rows=500, seed=3) for name in ("a", "b")]
    assert truths[0] == truths[1]
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_another_seed_writes_other_reviews(tmp_path):
    stars = []
    for seed in (3, 4):
        generate_reviews(tmp_path / str(seed), rows=600, seed=seed, months=1)
        text = (tmp_path / str(seed) / "reviews_2025-07.jsonl").read_text("utf-8")
        stars.append([line[:14] for line in text.split("\n")])
    same = sum(first == second for first, second in zip(*stars, strict=True)) / 600
    assert same < 0.5  # 0.33 by chance, as half of the reviews have five stars


def test_reviews_are_of_the_month_of_their_file(default_folder, default_reading):
    for record in default_reading.clean:
        written = datetime.fromtimestamp(record["timestamp"] / 1000, tz=UTC)
        assert record["file"] == f"reviews_{written:%Y-%m}.jsonl"


def test_exact_duplicates_stand_in_the_same_and_in_later_files(default_folder):
    first_file: dict[str, str] = {}
    distances: Counter[bool] = Counter()
    for path in sorted(default_folder.iterdir()):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            if line in first_file:
                distances[first_file[line] == path.name] += 1
            first_file.setdefault(line, path.name)
    assert distances[True] > 0
    assert distances[False] > 0


def test_clean_rows_have_the_schema_of_amazon_reviews_2023(default_reading):
    for record in default_reading.clean:
        assert record.keys() == FIELDS | {"file"}
        assert isinstance(record["rating"], float)
        assert isinstance(record["text"], str)
        assert record["title"] is None or isinstance(record["title"], str)
        assert isinstance(record["images"], list)
        assert isinstance(record["timestamp"], int)
        assert isinstance(record["helpful_vote"], int)
        assert isinstance(record["verified_purchase"], bool)
        assert record["asin"].startswith("B0")
        assert len(record["asin"]) == 10


def test_no_two_clean_rows_share_author_and_time(default_reading):
    pairs = {(record["user_id"], record["timestamp"]) for record in default_reading.clean}
    assert len(pairs) == len(default_reading.clean)


def test_stars_have_the_shares_of_real_reviews_in_every_month(default_reading):
    months: dict[str, Counter[int]] = {}
    for record in default_reading.clean:
        months.setdefault(record["file"], Counter())[int(record["rating"])] += 1
    for stars in months.values():
        total = sum(stars.values())
        shares = [stars[star] / total for star in range(1, 6)]
        assert shares == pytest.approx([0.08, 0.07, 0.12, 0.23, 0.50], abs=0.05)


def test_texts_are_between_one_and_about_eighty_words_long(default_reading):
    lengths = sorted(len(record["text"].split()) for record in default_reading.clean)
    assert lengths[0] == 1
    assert 10 < lengths[len(lengths) // 2] < 40
    assert 60 < lengths[-1] < 110


def test_languages_count_the_clean_rows_and_can_be_told_apart(
    default_truth, default_reading, clean_text
):
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(["en", "es", "pt"])
    found = Counter(
        identifier.classify(clean_text(record["text"]))[0] for record in default_reading.clean
    )
    assert sum(default_truth.languages.values()) == default_truth.clean
    # Texts of one or two words are often guessed wrong; all others are not.
    for code, count in default_truth.languages.items():
        assert found[code] == pytest.approx(count, abs=0.015 * default_truth.clean)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(6, 600),
    seed=st.integers(0, 2**32),
    months=st.integers(1, 6),
)
def test_every_line_is_accounted_for_whatever_the_size_and_seed(read_folder, rows, seed, months):
    with tempfile.TemporaryDirectory() as name:
        truth = generate_reviews(Path(name), rows=rows, seed=seed, months=months)
        reading = read_folder(Path(name))
    assert truth.lines == rows
    assert truth.lines == (
        truth.rejected + truth.quarantined + truth.exact_duplicates + truth.clean
    )
    assert truth.quarantined == sum(truth.quarantined_by_rule.values())
    assert truth.clean == sum(truth.languages.values())
    assert truth.files == reading.files
    assert (truth.drift is None) == (first_drifted_month(months) is None)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_kind_of_defect_occurs_whatever_the_seed(seed):
    with tempfile.TemporaryDirectory() as name:
        truth = generate_reviews(Path(name), rows=2_000, seed=seed)
    assert min(truth.defects.values()) >= 1


def test_one_row_is_one_plain_review(tmp_path, read_folder):
    truth = generate_reviews(tmp_path, rows=1, months=1)
    assert (truth.lines, truth.clean, truth.drift) == (1, 1, None)
    assert len(read_folder(tmp_path).clean) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, r"rows must be at least months \(12\).*got 0"),
        ({"rows": 11}, "so that no file is empty, got 11"),
        ({"months": 0}, "months must be at least 1, got 0"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"first_month": "2025-13"}, "must look like 2025-07, got '2025-13'"),
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_written(
    tmp_path, arguments, message
):
    with pytest.raises(ValueError, match=message):
        generate_reviews(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_an_older_file_of_the_name_is_replaced_and_others_are_left_alone(tmp_path):
    (tmp_path / "reviews_2025-07.jsonl").write_text("old")
    (tmp_path / "other.txt").write_text("mine")
    truth = generate_reviews(tmp_path, rows=30, months=2)
    assert (tmp_path / "other.txt").read_text() == "mine"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {*truth.files, "other.txt"}
    assert (tmp_path / "reviews_2025-07.jsonl").read_text().startswith("{")


def test_planted_future_is_years_ahead_of_the_last_month(tmp_path):
    generate_reviews(tmp_path, rows=2_000)
    times = [
        json.loads(line)["timestamp"]
        for path in tmp_path.iterdir()
        for line in path.read_text(encoding="utf-8").split("\n")
        if re.search(r'"timestamp": 2\d{12}', line) and line.endswith("}")
    ]
    assert times
    assert min(times) > datetime(2036, 1, 1, tzinfo=UTC).timestamp() * 1000

import html
import json
from pathlib import Path

import ftfy
import pytest

from demo.defects import DEFECTS, HTML_ENTITIES, MOJIBAKE, Outcome, line_of, mojibake
from demo.phrases import LANGUAGES

ENGLISH = LANGUAGES[0]
RECORD = {
    "rating": 5.0,
    "title": None,
    "text": 'It\'s "fine" & good.',
    "images": [],
    "asin": "B000000001",
    "parent_asin": "B000000001",
    "user_id": "A1",
    "timestamp": 1_751_328_000_000,
    "helpful_vote": 0,
    "verified_purchase": True,
}
REJECTED = [defect for defect in DEFECTS if defect.outcome is Outcome.REJECTED]
QUARANTINED = [defect for defect in DEFECTS if defect.outcome is Outcome.QUARANTINED]


@pytest.mark.parametrize("defect", REJECTED, ids=lambda defect: defect.name)
def test_a_rejected_line_is_no_json_object_and_has_no_newline(defect):
    for variant in [*range(2 * len(line_of(RECORD))), 2**31 - 1]:
        line = defect.spoil(RECORD, ENGLISH, variant)
        assert line.strip()
        assert "\n" not in line
        assert not is_object(line)


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("defect", QUARANTINED, ids=lambda defect: defect.name)
def test_a_quarantined_line_is_an_object_that_names_its_rule(defect):
    assert defect.rule
    spoiled = json.loads(defect.spoil(RECORD, ENGLISH, 3))
    assert spoiled != RECORD
    assert spoiled.keys() <= RECORD.keys()


def test_only_quarantined_kinds_have_a_rule():
    assert {defect.name for defect in DEFECTS if defect.rule} == {
        defect.name for defect in QUARANTINED
    }


def test_rates_leave_nine_lines_in_ten_plain():
    assert sum(defect.rate for defect in DEFECTS) < 0.1


def test_the_page_on_demo_data_states_every_defect_with_its_rate_and_rule():
    page = Path(__file__).parents[3] / "docs" / "demo-data.md"
    rows = [line for line in page.read_text("utf-8").split("\n") if line.startswith("| `")]
    assert len(rows) == len(DEFECTS)
    for row, defect in zip(rows, DEFECTS, strict=True):
        assert row.startswith(f"| `{defect.name}` | {defect.rate * 100:g} % |")
        assert (defect.rule or "") in row


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
@pytest.mark.parametrize("variant", range(5))
def test_entities_decode_to_the_original_text(language, variant):
    text = json.loads(HTML_ENTITIES.spoil(RECORD, language, variant))["text"]
    assert "&#34;" in text
    assert "&amp;" in text
    assert not set(text) & {'"', "'"}
    assert html.unescape(text).startswith(RECORD["text"])


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_mojibake_is_repaired_to_the_original_text(language):
    text = json.loads(MOJIBAKE.spoil(RECORD, language, 0))["text"]
    assert "Ã" in text
    repaired = ftfy.fix_text(text, uncurl_quotes=False)
    assert repaired == f"{RECORD['text']} {language.accented}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("café", "cafÃ©"),
        ("it\u2019s", "itâ€™s"),
        ("À", "Ã€"),
        ("Á", "Ã\x81"),
        ("plain", "plain"),
    ],
)
def test_mojibake_misreads_as_windows_1252_or_else_as_latin_1(text, expected):
    assert mojibake(text) == expected


def test_a_line_keeps_letters_readable():
    assert line_of({"text": "así"}) == '{"text": "así"}'

import re

import pytest

from demo.drift import DRIFTED, STABLE
from demo.phrases import LANGUAGES


@pytest.mark.parametrize("period", [STABLE, DRIFTED])
def test_shares_of_a_period_sum_to_one(period):
    for shares in (period.languages, period.lines, period.sentences):
        assert sum(shares) == pytest.approx(1)


def test_drift_starts_in_the_month_that_the_truth_names(default_truth, default_reading):
    assert default_truth.drift_from == "2026-04"
    new_products = set(default_truth.drift.parent_asins)
    before = [record for record in default_reading.clean if not is_drifted(record)]
    after = [record for record in default_reading.clean if is_drifted(record)]
    assert not any(record["parent_asin"] in new_products for record in before)
    share = sum(record["parent_asin"] in new_products for record in after) / len(after)
    assert share == pytest.approx(default_truth.drift.product_line_share, abs=0.03)
    assert mean_words(after) < 0.75 * mean_words(before)


def is_drifted(record: dict) -> bool:
    return record["file"] >= "reviews_2026-04"


def mean_words(records: list[dict]) -> float:
    return sum(len(record["text"].split()) for record in records) / len(records)


def test_months_before_the_drift_are_alike(default_truth, default_reading):
    months: dict[str, list[dict]] = {}
    for record in default_reading.clean:
        months.setdefault(record["file"], []).append(record)
    stable = [mean_words(records) for name, records in months.items() if name < "reviews_2026-04"]
    assert max(stable) - min(stable) < 0.1 * min(stable)
    accuracies = list(default_truth.best_accuracy_by_month.values())
    assert max(accuracies[:9]) - min(accuracies[:9]) < 0.03


def test_a_model_loses_accuracy_in_the_drift_and_regains_it_when_retrained(
    default_reading, clean_text
):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def rows(months: range) -> tuple[list[str], list[int]]:
        names = {f"reviews_{2025 + (m + 6) // 12}-{(m + 6) % 12 + 1:02d}.jsonl" for m in months}
        chosen = [record for record in default_reading.clean if record["file"] in names]
        texts = [f"{record['title'] or ''} . {clean_text(record['text'])}" for record in chosen]
        return texts, [int(record["rating"]) for record in chosen]

    def accuracy(trained_on: range, tested_on: range) -> float:
        model = make_pipeline(TfidfVectorizer(min_df=3), LogisticRegression(max_iter=300))
        return float(model.fit(*rows(trained_on)).score(*rows(tested_on)))

    stable = accuracy(range(4, 8), range(8, 9))
    drifted = accuracy(range(5, 9), range(11, 12))
    retrained = accuracy(range(7, 11), range(11, 12))
    assert stable > 0.62
    assert drifted < stable - 0.05
    assert retrained > drifted + 0.03


def test_best_accuracy_is_above_the_majority_class_and_lower_in_the_drift(default_truth):
    by_month = list(default_truth.best_accuracy_by_month.values())
    assert 0.74 < default_truth.best_accuracy < 0.79
    assert max(by_month[9:]) < min(by_month[:9])


def test_the_old_months_hold_none_of_the_new_words_of_opinion(default_reading):
    before = {code: set() for code in ("en", "es", "pt")}
    for record in default_reading.clean:
        if not is_drifted(record):
            for words in before.values():
                words |= set(re.findall(r"[\w-]+", record["text"].lower()))
    for language in LANGUAGES:
        new = {
            form.replace("@", ending)
            for adjectives in language.new.adjectives.values()
            for adjective in adjectives
            for form in adjective.split("|")
            for ending in ("o", "a")
        }
        assert not new & before[language.code]

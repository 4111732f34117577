import numpy as np
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.comparison import PairedTest
from ml_assets.gate import GateEvidence, GatePolicy, decide
from ml_assets.significance import mcnemar
from ml_assets.targets.classes import ClassTarget

CLASSES = ["bad", "good"]
ROWS = 600
LABEL = np.arange(ROWS) % 2


def _model(right, *, rows=ROWS, confidence=0.8):
    """Probabilities that are right in the first `right` rows of `rows`."""
    label = np.arange(rows) % 2
    guess = np.where(np.arange(rows) < right, label, 1 - label)
    return confidence * np.eye(2)[guess] + (1 - confidence) * np.eye(2)[1 - guess]


def _evidence(**changes):
    known = {
        "label": LABEL,
        "challenger": _model(500),
        "champion": _model(440),
        "baseline": np.tile([0.6, 0.4], (ROWS, 1)),
        "challenger_version": 5,
        "champion_version": 3,
    }
    return GateEvidence(**(known | changes))


def _decide(evidence, *, ordinal=False, **policy):
    policy = GatePolicy(**({"metric": "accuracy"} | policy))
    return decide(policy, evidence, target=ClassTarget(tuple(CLASSES), ordinal=ordinal), seed=7)


def _failed(verdict):
    return [criterion.name for criterion in verdict.criteria if not criterion.passed]


def test_a_better_challenger_is_promoted_with_its_gain_as_reason():
    verdict = _decide(_evidence())

    assert verdict.promoted
    assert verdict.reason.startswith(
        "Promoted: version 5 gains +0.1000 in accuracy (95 % interval +0.0"
    )
    assert "over champion version 3, above 0" in verdict.reason
    assert verdict.reason.endswith("; all 3 criteria hold.")
    assert [criterion.name for criterion in verdict.criteria] == [
        "holdout_rows",
        "gain_over_champion",
        "gain_over_baseline",
    ]
    gain = verdict.criteria[1]
    assert gain.value == pytest.approx(0.1)
    assert gain.low < gain.value < gain.high
    assert gain.threshold == 0.0


def test_mcnemars_p_value_is_reported():
    evidence = _evidence()

    verdict = _decide(evidence)

    right = [model.argmax(axis=1) == LABEL for model in (evidence.challenger, evidence.champion)]
    assert verdict.test == PairedTest("McNemar", mcnemar(*right).p_value)


@pytest.mark.parametrize("significance", [True, False])
def test_an_identical_challenger_is_not_promoted(significance):
    verdict = _decide(_evidence(challenger=_model(440)), significance=significance)

    assert not verdict.promoted
    assert _failed(verdict) == ["gain_over_champion"]
    assert verdict.reason.startswith("Not promoted: version 5 gains +0.0000 in accuracy")
    assert verdict.test == PairedTest("McNemar", 1.0)


@pytest.mark.parametrize("metric", ["log_loss", "expected_calibration_error"])
def test_the_direction_of_the_metric_counts(metric):
    label_rows = {"champion": _model(500, confidence=0.99), "challenger": _model(500)}

    assert _decide(_evidence(**label_rows), metric=metric).promoted
    swapped = {"champion": label_rows["challenger"], "challenger": label_rows["champion"]}
    assert not _decide(_evidence(**swapped), metric=metric).promoted


def test_a_gain_within_chance_is_promoted_only_if_significance_is_not_asked_for():
    evidence = _evidence(challenger=_model(441))

    assert _failed(_decide(evidence)) == ["gain_over_champion"]
    assert _decide(evidence, significance=False).promoted


@pytest.mark.parametrize(
    ("min_gain", "significance", "promoted"),
    [
        (0.05, True, True),
        (0.09, True, False),
        (0.09, False, True),
        (0.11, False, False),
    ],
)
def test_the_gain_must_exceed_the_least_gain(min_gain, significance, promoted):
    verdict = _decide(_evidence(), min_gain=min_gain, significance=significance)

    assert verdict.promoted == promoted
    assert verdict.criteria[1].threshold == min_gain


def test_a_gain_of_exactly_the_least_gain_is_not_enough():
    evidence = _evidence(challenger=_model(515), champion=_model(440))

    assert not _decide(evidence, min_gain=0.125, significance=False).promoted
    assert _decide(evidence, min_gain=0.124, significance=False).promoted


def test_a_challenger_that_beats_the_champion_must_beat_the_baseline_too():
    evidence = _evidence(baseline=_model(520))

    verdict = _decide(evidence)

    assert _failed(verdict) == ["gain_over_baseline"]
    assert "over the naive baseline, not above 0" in verdict.reason
    assert _decide(evidence, must_beat_baseline=False).promoted


@pytest.mark.parametrize("version", [1, None])
def test_while_the_baseline_serves_it_is_compared_once_and_no_segment_is(version):
    baseline = np.tile([0.6, 0.4], (ROWS, 1))
    evidence = _evidence(
        champion=baseline,
        champion_version=version,
        segments={"language": np.array(["en", "es"])[LABEL]},
    )

    verdict = _decide(evidence)

    assert verdict.promoted
    assert [criterion.name for criterion in verdict.criteria] == [
        "holdout_rows",
        "gain_over_champion",
    ]
    name = "the naive baseline" if version is None else "champion version 1"
    assert f"over {name}" in verdict.reason


def test_a_baseline_of_another_version_is_known_by_its_number():
    assert _evidence(champion_version=4, baseline_version=4).champion_is_baseline
    assert not _evidence(champion_version=1, baseline_version=4).champion_is_baseline


def _segmented(worse_by, *, of=150, rest="other"):
    """Champion right in 120 rows of a segment of 150, challenger in fewer, and better elsewhere."""
    segment = np.where(np.arange(ROWS) < of, "small", rest)
    champion = np.concatenate([_model(of - 30, rows=of), _model(200, rows=ROWS - of)])
    challenger = np.concatenate([_model(of - 30 - worse_by, rows=of), _model(430, rows=ROWS - of)])
    return _evidence(champion=champion, challenger=challenger, segments={"country": segment})


def test_a_segment_that_loses_more_than_allowed_stops_the_promotion():
    verdict = _decide(_segmented(40))

    assert _failed(verdict) == ["segment country=small"]
    criterion = next(c for c in verdict.criteria if c.name == "segment country=small")
    assert criterion.value == pytest.approx(-40 / 150)
    assert criterion.high < 0.0
    assert criterion.threshold == -0.05
    assert "where country is small the difference is -0.2667 in accuracy" in verdict.reason
    assert "not within the allowed loss of 0.05" in verdict.reason


@pytest.mark.parametrize(
    ("worse_by", "policy"),
    [
        (7, {}),  # 0.047: within the allowance
        (40, {"max_segment_loss": 0.3}),
        (40, {"min_segment_rows": 151}),
    ],
)
def test_a_segment_within_the_allowance_or_too_small_does_not(worse_by, policy):
    assert _decide(_segmented(worse_by), **policy).promoted


def test_a_large_loss_whose_interval_holds_no_loss_does_not_stop_the_promotion():
    """Swapping errors: 20 rows lost and 12 won in 120 is -0.067, but may be chance."""
    evidence = _evidence(segments={"country": np.where(np.arange(ROWS) < 120, "small", "other")})
    evidence.champion[:120] = _model(80, rows=120)
    evidence.challenger[:120] = _model(60, rows=120)
    evidence.challenger[80:92] = np.eye(2)[LABEL[80:92]]

    verdict = _decide(evidence)

    segment = next(c for c in verdict.criteria if c.name == "segment country=small")
    assert segment.value == pytest.approx(-8 / 120)
    assert segment.low < 0.0 < segment.high
    assert segment.passed


def test_near_duplicates_count_once_in_a_segment():
    evidence = _segmented(40)
    groups = np.arange(ROWS)
    groups[:150] //= 2

    assert _failed(
        _decide(GateEvidence(**(vars(evidence) | {"groups": groups})), min_segment_rows=75)
    )
    assert _decide(
        GateEvidence(**(vars(evidence) | {"groups": groups})), min_segment_rows=76
    ).promoted


def test_segments_of_several_columns_and_of_missing_values_are_judged():
    missing = np.array([None, "x"], dtype=object)[LABEL]
    evidence = _evidence(segments={"a": missing, "b": np.full(ROWS, 3)})

    names = [criterion.name for criterion in _decide(evidence).criteria[3:]]

    assert names == ["segment a=None", "segment a=x", "segment b=3"]


@pytest.mark.parametrize(
    ("policy", "failed"),
    [
        ({"minimum": {"accuracy": 0.83}}, []),
        ({"minimum": {"accuracy": 0.84}}, ["minimum accuracy"]),
        ({"maximum": {"log_loss": 0.5}}, []),
        ({"maximum": {"log_loss": 0.4}}, ["maximum log_loss"]),
        (
            {"minimum": {"macro_f1": 0.9}, "maximum": {"log_loss": 0.1}},
            ["minimum macro_f1", "maximum log_loss"],
        ),
        ({"minimum": {"accuracy": 500 / 600}}, []),
    ],
)
def test_absolute_limits_hold(policy, failed):
    verdict = _decide(_evidence(), **policy)

    assert _failed(verdict) == failed
    assert verdict.promoted == (not failed)


def test_a_limit_that_is_missed_is_named_with_its_value():
    verdict = _decide(_evidence(), minimum={"accuracy": 0.9})

    assert verdict.reason == "Not promoted: accuracy is 0.8333, not at least 0.9."


def test_a_few_failures_are_named_and_the_rest_counted():
    names = np.repeat([f"s{place}" for place in range(5)], ROWS // 5)
    evidence = _evidence(challenger=_model(0), segments={"part": names})

    verdict = _decide(evidence)

    assert len(_failed(verdict)) == 6
    assert verdict.reason.endswith("; and 3 more criteria failed.")
    assert verdict.reason.count(";") == 3


def test_too_few_rows_are_not_judged():
    verdict = _decide(_evidence(), min_holdout_rows=601)

    assert not verdict.promoted
    assert verdict.reason == (
        "Not promoted: 600 hold-out rows (near duplicates counted once) are too few to judge, "
        "601 are needed."
    )
    assert [criterion.name for criterion in verdict.criteria] == ["holdout_rows"]
    assert verdict.test is None
    assert _decide(_evidence(), min_holdout_rows=600).promoted


def test_near_duplicates_are_one_piece_of_evidence():
    evidence = _evidence(groups=np.arange(ROWS) // 4)

    verdict = _decide(evidence, min_holdout_rows=151)

    assert verdict.criteria[0].value == 150
    assert not verdict.promoted


def test_no_rows_are_too_few():
    none = np.empty((0, 2))
    evidence = _evidence(label=LABEL[:0], challenger=none, champion=none, baseline=none)

    assert _decide(evidence).reason.startswith("Not promoted: 0 hold-out rows")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"champion": _model(5, rows=10)}, "champion': 10"),
        ({"baseline": _model(5, rows=10)}, "baseline': 10"),
        ({"challenger": _model(5, rows=10)}, "challenger': 10"),
        ({"groups": np.arange(10)}, "groups': 10"),
        ({"segments": {"a": np.array(["x"])}}, "segment a': 1"),
    ],
)
def test_evidence_of_other_rows_is_refused(changes, named):
    with pytest.raises(TidemarkError, match=named):
        _decide(_evidence(**changes))


@pytest.mark.parametrize(
    "policy",
    [
        {"metric": "mean_absolute_error"},
        {"minimum": {"quadratic_weighted_kappa": 0.5}},
        {"maximum": {"mean_absolute_error": 1.0}},
    ],
)
def test_ordinal_metrics_need_ordered_classes(policy):
    with pytest.raises(TidemarkError, match="not defined for classification"):
        _decide(_evidence(), **policy)
    assert _decide(_evidence(), ordinal=True, **policy).promoted


def test_the_same_seed_gives_the_same_verdict():
    assert _decide(_evidence()) == _decide(_evidence())


def test_equal_models_are_promoted_in_about_as_many_cases_as_the_confidence_says():
    promoted = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        label = random.integers(0, 2, 200)
        models = (np.eye(2)[np.where(random.random(200) < 0.7, label, 1 - label)] for _ in range(2))
        challenger, champion = models
        evidence = _evidence(
            label=label,
            challenger=challenger,
            champion=champion,
            baseline=np.tile([0.6, 0.4], (200, 1)),
        )
        promoted += _decide(evidence, must_beat_baseline=False, confidence=0.8).promoted

    # One tail of 10 % is 15 of 150; the bounds are some four standard errors away.
    assert 2 <= promoted <= 30

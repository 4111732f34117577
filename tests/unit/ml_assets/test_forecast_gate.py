"""The gate on forecasts: Diebold-Mariano with the small-sample correction, worked by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import t

from ml_assets.gate import GateEvidence, GatePolicy, decide
from ml_assets.targets.quantities import QuantityTarget


def _evidence(label, challenger, champion, *, version=1, baseline=None):
    def output(point):
        point = np.asarray(point, np.float64)
        return np.column_stack([point, point - 1.0, point + 1.0])

    return GateEvidence(
        label=np.asarray(label, np.float64),
        challenger=output(challenger),
        champion=output(champion),
        baseline=output(champion if baseline is None else baseline),
        challenger_version=2 if version == 1 else 5,
        champion_version=version,
    )


def _decide(evidence, *, horizon=1, **policy):
    policy = GatePolicy(metric="mean_absolute_error", min_holdout_rows=2, **policy)
    return decide(policy, evidence, target=QuantityTarget(horizon), seed=1)


def test_the_verdict_is_that_of_the_test_worked_by_hand():
    """Two steps ahead on 12 rows: loss differences of 1 and 3 in turn, then one of 5.

    By exact fractions: mean, autocovariances at lags 0 and 1 (Diebold and Mariano 1995), the
    correction (n + 1 - 2h + h (h - 1) / n) / n (Harvey, Leybourne and Newbold 1997), Student's t
    with n - 1 degrees of freedom.
    """
    n, h = 12, 2
    gains = [Fraction(value) for value in (1, 1, 3, 3, 1, 1, 3, 3, 1, 1, 3, 5)]
    # The random walk is off by the label's whole size, the challenger by that less the gain.
    label = [10.0] * n
    challenger = [float(gain) for gain in gains]

    verdict = _decide(_evidence(label, challenger, [0.0] * n), horizon=h)

    mean = sum(gains) / n
    at_zero = sum((gain - mean) ** 2 for gain in gains) / n
    at_one = sum((gains[i] - mean) * (gains[i - 1] - mean) for i in range(1, n)) / n
    assert at_zero + 2 * at_one > 0
    correction = Fraction(n + 1 - 2 * h, n) + Fraction(h * (h - 1), n * n)
    error = math.sqrt((at_zero + 2 * at_one) / n / correction)
    gain = next(one for one in verdict.criteria if one.name == "gain_over_champion")
    reach = float(t.ppf(0.975, n - 1)) * error
    assert gain.value == pytest.approx(float(mean))
    assert (gain.low, gain.high) == (
        pytest.approx(float(mean) - reach),
        pytest.approx(float(mean) + reach),
    )
    assert verdict.test.p_value == pytest.approx(2 * t.sf(float(mean) / error, n - 1))
    assert verdict.promoted


def test_the_order_of_rows_counts_where_horizons_overlap():
    random = np.random.default_rng(2)
    steps = np.convolve(random.normal(0.15, 1.0, 211), np.ones(12), "valid")
    label, challenger = np.full(200, 50.0), steps
    shuffled = random.permutation(200)
    in_time = _decide(_evidence(label, challenger, np.zeros(200)), horizon=12)
    mixed = _decide(_evidence(label, challenger[shuffled], np.zeros(200)), horizon=12)
    widths = [
        next(one.high - one.low for one in verdict.criteria if one.name == "gain_over_champion")
        for verdict in (in_time, mixed)
    ]
    assert widths[0] > 1.5 * widths[1]


def test_losing_to_the_random_walk_is_told_as_a_result():
    random = np.random.default_rng(3)
    label = random.normal(size=300)
    verdict = _decide(_evidence(label, random.normal(0.0, 0.3, 300), np.zeros(300)))
    assert not verdict.promoted
    assert "over champion version 1 (the random walk), not above 0" in verdict.reason
    assert verdict.reason.endswith(
        f"Diebold-Mariano test: p = {verdict.test.p_value:.3f}. The random walk keeps serving."
    )


def test_a_champion_that_is_not_beaten_keeps_serving_by_its_number():
    label = np.random.default_rng(4).normal(size=300)
    champion = 0.5 * label
    evidence = _evidence(label, champion, champion, version=4, baseline=np.zeros(300))
    assert _decide(evidence).reason.endswith("p = 1.000. Version 4 keeps serving.")


def test_a_winner_is_told_with_its_p_value():
    label = np.random.default_rng(5).normal(size=300)
    verdict = _decide(_evidence(label, 0.8 * label, np.zeros(300)))
    assert verdict.promoted
    assert verdict.reason.endswith("all 2 criteria hold. Diebold-Mariano test: p = 0.000.")

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import TidemarkError
from ml_assets.metric_sums import row_sums, statistics, sum_columns

CLASSES = [1, 2, 3]
LABEL = np.array([0, 1, 2, 2])
PROBABILITIES = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]])


def _rows(n, seed):
    random = np.random.default_rng(seed)
    return random.integers(0, 3, n), random.dirichlet(np.ones(3), n)


@given(st.integers(1, 40), st.integers(0, 1000))
def test_the_sums_of_parts_add_up_to_the_sums_of_the_whole(n, seed):
    label, probabilities = _rows(n, seed)
    unit = np.random.default_rng(seed).integers(0, 4, n)

    parts = row_sums(label, probabilities, classes=CLASSES, unit=unit)

    whole = row_sums(label, probabilities, classes=CLASSES)
    assert parts.shape == (unit.max() + 1, sum_columns(CLASSES))
    assert parts.sum(axis=0) == pytest.approx(whole[0])


@given(st.integers(1, 30), st.integers(0, 1000))
def test_a_weight_of_two_is_a_row_that_stands_twice(n, seed):
    label, probabilities = _rows(n, seed)
    weights = np.random.default_rng(seed).integers(0, 3, n)
    weights[0] = 1
    twice = np.repeat(np.arange(n), weights)

    weighted = row_sums(label, probabilities, classes=CLASSES, weights=weights.astype(float))

    repeated = row_sums(label[twice], probabilities[twice], classes=CLASSES)
    assert weighted == pytest.approx(repeated)


def test_many_replicates_are_one_matrix_product():
    label, probabilities = _rows(50, 1)
    each = row_sums(label, probabilities, classes=CLASSES, unit=np.arange(50))
    weights = np.random.default_rng(2).integers(0, 3, (7, 50)).astype(float)

    together = statistics(weights @ each, classes=CLASSES, ordinal=True)

    for replicate in range(7):
        alone = row_sums(label, probabilities, classes=CLASSES, weights=weights[replicate])
        for name, values in statistics(alone, classes=CLASSES, ordinal=True).items():
            assert together[name][replicate] == pytest.approx(values[0])


def test_sums_over_no_rows_give_no_number():
    empty = np.zeros((1, sum_columns(CLASSES)))

    values = statistics(empty, classes=CLASSES, ordinal=False)

    assert set(values) == {"accuracy", "macro_f1", "log_loss", "expected_calibration_error"}
    assert all(np.isnan(value[0]) for value in values.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.array([], int), "probabilities": np.empty((0, 3))}, "no rows"),
        ({"label": LABEL[:3]}, "3 labels for 4 rows"),
        ({"label": np.array([0, 1, 2, 3])}, "0 to 3 for 3 classes"),
        ({"label": np.array([0, 1, -1, 2])}, "-1 to 2"),
        ({"label": LABEL.astype(float)}, "float64"),
        ({"probabilities": PROBABILITIES[:, :2]}, r"\(4, 2\) for 3 classes"),
        ({"probabilities": np.array([0.1, 0.2, 0.3, 0.4])}, r"\(4,\)"),
        ({"probabilities": np.where(PROBABILITIES == 0.8, np.nan, PROBABILITIES)}, "missing"),
        ({"probabilities": PROBABILITIES * 2}, "sum to 1"),
        ({"probabilities": PROBABILITIES - np.array([0.5, 0, -0.5])}, "negative"),
        ({"weights": np.ones(3)}, "3 weights for 4 rows"),
        ({"weights": np.array([1.0, -1.0, 1.0, 1.0])}, "negative"),
        ({"weights": np.array([1.0, np.nan, 1.0, 1.0])}, "missing"),
        ({"weights": np.zeros(4)}, "all are 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, message):
    arguments = {"label": LABEL, "probabilities": PROBABILITIES, "weights": None} | change
    with pytest.raises(TidemarkError, match=message):
        row_sums(classes=CLASSES, **arguments)


def test_one_class_is_refused():
    with pytest.raises(TidemarkError, match="1 classes"):
        row_sums(np.array([0]), np.array([[1.0]]), classes=["only"])

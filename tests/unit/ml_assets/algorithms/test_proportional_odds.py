"""Proportional odds: the numbers of other makers' models, and what ordered classes need."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from ml_assets.algorithms.proportional_odds import ProportionalOdds


def _rows(n: int = 400):
    rng = np.random.default_rng(11)
    features = rng.normal(size=(n, 3))
    score = features @ [1.5, -0.7, 0.0] + rng.logistic(size=n)
    return features, np.digitize(score, [-1.0, 0.5, 2.0])


def test_without_penalty_it_is_statsmodels_ordered_model():
    features, label = _rows()
    model = ProportionalOdds(C=1e9, max_iter=1000).fit(features, label)
    # statsmodels 0.15.0, OrderedModel(label, features, distr="logit").fit(method="bfgs").
    np.testing.assert_allclose(model.coef_, [1.60938987, -0.83723194, 0.04228076], atol=2e-4)
    np.testing.assert_allclose(model.thresholds_, [-0.9433681, 0.39326447, 2.08262783], atol=2e-4)
    np.testing.assert_allclose(
        model.predict_proba(features[:2]),
        [
            [0.52204678, 0.28405504, 0.15137451, 0.04252366],
            [0.41356274, 0.3150066, 0.20707072, 0.06435994],
        ],
        atol=1e-4,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_for_two_classes_it_is_the_logistic_regression(weighted):
    features, label = _rows()
    two = (label > 1).astype(int)
    weights = np.linspace(0.5, 2.0, len(two)) if weighted else None
    ours = ProportionalOdds(C=0.1, max_iter=1000).fit(features, two, weights)
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(features, two, weights)
    np.testing.assert_allclose(
        ours.predict_proba(features), theirs.predict_proba(features), atol=1e-4
    )


def test_without_features_that_tell_anything_it_is_the_class_frequencies():
    label = np.repeat([2, 5, 9], [10, 30, 60])
    model = ProportionalOdds().fit(np.zeros((100, 2)), label)
    np.testing.assert_allclose(model.predict_proba(np.ones((1, 2)))[0], [0.1, 0.3, 0.6], atol=1e-6)
    assert model.classes_.tolist() == [2, 5, 9]
    assert model.predict(np.ones((2, 2))).tolist() == [9, 9]


def test_sparse_rows_give_the_same_as_dense_ones():
    features, label = _rows()
    dense = ProportionalOdds().fit(features, label).predict_proba(features)
    sparse = ProportionalOdds().fit(csr_matrix(features), label).predict_proba(csr_matrix(features))
    np.testing.assert_allclose(sparse, dense, atol=1e-6)


def test_a_weight_counts_as_so_many_rows():
    features, label = _rows(60)
    weights = np.arange(60) % 3 + 1
    weighted = ProportionalOdds(max_iter=1000).fit(features, label, weights.astype(float))
    repeated = ProportionalOdds(max_iter=1000).fit(
        np.repeat(features, weights, axis=0), np.repeat(label, weights)
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-3)
    np.testing.assert_allclose(weighted.thresholds_, repeated.thresholds_, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_thresholds_rise_and_probabilities_are_such_whatever_the_scale(scale):
    features, label = _rows(50)
    model = ProportionalOdds(C=1e6).fit(features * scale, label)
    assert (np.diff(model.thresholds_) > 0).all()
    probabilities = model.predict_proba(np.vstack([features, features * 1e6]) * scale)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_higher_score_moves_probability_to_higher_classes():
    features, label = _rows()
    model = ProportionalOdds().fit(features, label)
    line = np.linspace(-3, 3, 20)[:, None] * np.sign(model.coef_)
    cumulative = model.predict_proba(line).cumsum(axis=1)[:, :-1]
    assert (np.diff(cumulative, axis=0) < 0).all()


def test_one_class_cannot_be_ordered():
    with pytest.raises(ValueError, match="only one class, 3"):
        ProportionalOdds().fit(np.ones((4, 1)), np.full(4, 3))

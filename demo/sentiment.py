"""How stars and words belong together: the known probabilities that the reviews are drawn from.

A review has stars, a hidden state that its author writes in, and phrases whose grade depends
on that state alone. A model that knew all of this could do no better than `posterior`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from demo.phrases import GRADES, IRONIC, NEUTRAL

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STAR_SHARES: Final = np.array([0.08, 0.07, 0.12, 0.23, 0.50])
"""Share of 1, 2, 3, 4 and 5 stars."""

STATES: Final = 7
"""Hidden states: 0 to 4 write like 1 to 5 stars, 5 is sarcastic, 6 says nothing of use."""

_SARCASTIC, _UNINFORMATIVE = 5, 6

STATE_GIVEN_STARS: Final = np.array(
    [
        [0.83, 0.07, 0.01, 0.00, 0.00, 0.05, 0.04],
        [0.13, 0.70, 0.10, 0.01, 0.00, 0.02, 0.04],
        [0.01, 0.11, 0.72, 0.11, 0.01, 0.00, 0.04],
        [0.00, 0.01, 0.08, 0.74, 0.13, 0.00, 0.04],
        [0.01, 0.00, 0.01, 0.07, 0.87, 0.00, 0.04],
    ]
)
"""Row: stars 1 to 5; column: state. One reviewer in five to ten is a star too strict or mild."""


def _phrase_grades(*, on_spot: float, near: float, neutral: float) -> Floats:
    """Probability of each phrase grade in each state, shape (7, 7).

    A neighbour that does not exist (below 1, above 5 stars) leaves its share to the state's grade.
    """
    grades = np.zeros((STATES, GRADES))
    for stars in range(1, 6):
        row = grades[stars - 1]
        row[stars] = on_spot
        for neighbour in (stars - 1, stars + 1):
            row[neighbour if 1 <= neighbour <= 5 else stars] += near
        row[NEUTRAL] = neutral
    grades[_SARCASTIC, [5, IRONIC, NEUTRAL]] = 0.7, 0.15, 0.15
    grades[_UNINFORMATIVE, NEUTRAL] = 1.0
    return grades


SENTENCE_GRADES: Final = _phrase_grades(on_spot=0.56, near=0.11, neutral=0.22)
TITLE_GRADES: Final = _phrase_grades(on_spot=0.50, near=0.10, neutral=0.30)


def draw_rows(shares: Floats, rows: Integers, draws: Floats) -> Integers:
    """For each row number, a column drawn with the shares of that row of the table.

    Args:
        shares: Table of shape (r, c); each row sums to 1.
        rows: Row numbers, shape (n,).
        draws: Uniform numbers in [0, 1), shape (n,).

    >>> shares = np.array([[0.5, 0.5], [0.0, 1.0]])
    >>> draw_rows(shares, np.array([0, 0, 1]), np.array([0.2, 0.7, 0.2]))
    array([0, 1, 1])
    """
    # The last bound is left out: rounding must not push a draw past the last column.
    bounds = np.cumsum(shares, axis=1)[:, :-1]
    columns: Integers = (draws[:, None] >= bounds[rows]).sum(axis=1, dtype=np.int64)
    return columns


def draw_categories(shares: Floats, count: int, rng: np.random.Generator) -> Integers:
    """`count` category numbers drawn with the given shares, which sum to 1."""
    return draw_rows(shares[None, :], np.zeros(count, dtype=np.int64), rng.random(count))


def posterior(grade_counts: Integers, title_grades: Integers) -> Floats:
    """Probability of 1 to 5 stars given the phrase grades of each review, shape (n, 5).

    Args:
        grade_counts: How many phrases of each grade a text has, shape (n, 7).
        title_grades: Grade of each title, -1 where there is none, shape (n,).

    Bayes' rule over the hidden state: P(stars | grades) is proportional to
    P(stars) * sum over states of P(state | stars) * product of P(grade | state).

    >>> sure = posterior(np.array([[0, 4, 0, 0, 0, 0, 0]]), np.array([1]))
    >>> int(sure.argmax()) + 1, bool(sure.max() > 0.8)
    (1, True)
    """
    likelihood = grade_counts @ _logarithms(SENTENCE_GRADES).T
    with_missing = np.vstack([_logarithms(TITLE_GRADES).T, np.zeros(STATES)])
    likelihood += with_missing[title_grades]
    likelihood -= likelihood.max(axis=1, keepdims=True)
    joint = (np.exp(likelihood) @ STATE_GIVEN_STARS.T) * STAR_SHARES
    shares: Floats = joint / joint.sum(axis=1, keepdims=True)
    return shares


def _logarithms(probabilities: Floats) -> Floats:
    """Natural logarithms with a floor in place of minus infinity, which times 0 is not a number."""
    floor: Floats = np.log(np.maximum(probabilities, 1e-100))
    return floor

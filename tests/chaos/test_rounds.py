"""A round on a folder or on S3, as the seed has it: CHAOS_SEED and CHAOS_STORAGE repeat one.

CHAOS_ROUNDS=200 plays more.
"""

import os
import random
from collections.abc import Iterator

import pytest

from tests.chaos.happenings import NOT_MET
from tests.chaos.rounds import new_victim, play
from tests.chaos.victim import Victim

pytestmark = [
    pytest.mark.e2e,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
_ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
_SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
_STORAGE = os.environ.get("CHAOS_STORAGE", ("local", "radosgw")[_SEED % 2])
_SECONDS_A_ROUND = 120


@pytest.fixture
def victim() -> Iterator[Victim]:
    print(f"CHAOS_STORAGE={_STORAGE} CHAOS_SEED={_SEED}")  # noqa: T201 - for pytest's report
    victim = new_victim(_STORAGE, _SEED)
    yield victim
    print(victim.output)  # noqa: T201 - for pytest's report
    victim.remove()


@pytest.mark.timeout(300 + _SECONDS_A_ROUND * _ROUNDS)
def test_whatever_happens_nothing_is_lost_or_doubled(victim: Victim) -> None:
    play(victim, rounds=_ROUNDS, seed=_SEED, tell=print)
    assert sum(happening.phase != NOT_MET for happening in victim.happenings) == _ROUNDS

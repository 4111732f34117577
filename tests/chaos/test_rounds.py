"""A round on each of two storages; more with CHAOS_ROUNDS=200, the same again by CHAOS_SEED."""

import os
import random
from collections.abc import Callable, Iterator

import pytest

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
_SECONDS_A_ROUND = 120


@pytest.fixture
def victim_on() -> Iterator[Callable[[str], Victim]]:
    victims = []

    def on(storage: str) -> Victim:
        victims.append(new_victim(storage, _SEED))
        return victims[-1]

    yield on
    for victim in victims:
        print(victim.output)  # noqa: T201 - for pytest's report
        victim.remove()


@pytest.mark.timeout(300 + _SECONDS_A_ROUND * _ROUNDS)
@pytest.mark.parametrize("storage", ["local", "radosgw"])
def test_whatever_happens_nothing_is_lost_or_doubled(
    victim_on: Callable[[str], Victim], storage: str
) -> None:
    print(f"seed {_SEED}")  # noqa: T201 - for pytest's report
    victim = victim_on(storage)
    play(victim, rounds=_ROUNDS, seed=_SEED, tell=print)
    assert len(victim.happenings) == _ROUNDS

"""`python -m tests.chaos --storage radosgw --rounds 200`: as many rounds as wanted, and figures."""

import argparse
import random
import sys

from tests.chaos.happenings import kinds
from tests.chaos.rounds import STORAGES, new_victim, play


def main() -> None:
    """Plays the rounds and prints what happened when."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--storage", choices=STORAGES, default="local")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="without: a new one, which is printed")
    parser.add_argument("--only", help="what happens, such as 'kill dbt'; without: all in turn")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    _tell(f"storage {options.storage}, {options.rounds} rounds, seed {seed}")
    victim = new_victim(options.storage, seed)
    if options.only not in (None, *kinds(victim)):
        victim.remove()
        parser.error(f"--only is one of: {', '.join(kinds(victim))}")
    failed = True
    try:
        play(victim, rounds=options.rounds, seed=seed, tell=_tell, only=options.only)
        failed = False
    finally:
        _tell(victim.report())
        if failed:
            victim.stop()
            _tell(f"left in {victim.state}; its last output is in {victim.log}")
        else:
            victim.remove()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

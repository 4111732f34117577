"""`python -m tests.chaos --storage rclone --rounds 200`: as many rounds as wanted, and figures."""

import argparse
import random

from tests.chaos.rounds import new_victim, play, stopped


def main() -> None:
    """Plays the rounds and prints what happened when."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--storage", choices=("local", "rclone"), default="local")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    options = parser.parse_args()
    print(f"storage {options.storage}, {options.rounds} rounds, seed {options.seed}", flush=True)  # noqa: T201
    victim = new_victim(options.storage, options.seed)
    try:
        play(
            victim,
            rounds=options.rounds,
            seed=options.seed,
            tell=lambda line: print(line, flush=True),  # noqa: T201
        )
        stopped(victim)
    finally:
        # A platform that fails stays, to be looked at.
        print(victim.report(), flush=True)  # noqa: T201
        if victim.state.exists():
            print(f"left in {victim.state}")  # noqa: T201


if __name__ == "__main__":
    main()

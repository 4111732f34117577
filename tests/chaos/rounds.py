"""Rounds of: something new lands, something happens to the run, one more run, questions."""

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from demo.reviews import generate_reviews
from tests.chaos.happenings import NOT_MET, happen, kinds
from tests.chaos.storage import SERVERS, LocalStorage, S3Storage
from tests.chaos.verification import verify, verify_no_leftovers
from tests.chaos.victim import Victim

STORAGES = ("local", *SERVERS)
_ROWS = 900
_MONTHS = 6
_DISK = "1200m"
_RUNS_LOOKED_AT = 5
_TRAINING_TAKES = 1.5  # times a run without one


def new_victim(storage: str, seed: int) -> Victim:
    """A platform that nothing has happened to, its state on a small disk if one can be mounted."""
    state = Path(tempfile.mkdtemp(prefix="tm-chaos-"))
    disk = _mounted(state)
    place = (
        LocalStorage(state)
        if storage == "local"
        # Beside the small disk: what fills up is where the platform works.
        else S3Storage(storage, state.with_name(f"{state.name}-server"), seed)
    )
    chance = random.Random(seed)  # noqa: S311 - when something happens is no secret
    return Victim(state, place, chance, disk=disk)


def _mounted(folder: Path) -> Path | None:
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        return None
    command = [mount, "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True)
    return folder if done.returncode == 0 else None


def play(
    victim: Victim,
    *,
    rounds: int,
    seed: int,
    tell: Callable[[str], None],
    only: str | None = None,
) -> None:
    """Plays the rounds; the first assertion that fails ends it.

    Where the run was over before anything could happen to it, the round is played again.

    Args:
        victim: The platform.
        rounds: How many.
        seed: Of the reviews.
        tell: Told a line for each.
        only: The kind of what happens; None for all of them in turn.
    """
    originals = generated(seed)
    for name in sorted(originals)[:2]:
        victim.land(name, originals[name])
    # The very first run is one that things happen to as well: nothing is there then.
    order = [kind for kind in kinds(victim) if only in (None, kind)]
    victim.chance.shuffle(order)
    taken: deque[float] = deque(maxlen=_RUNS_LOOKED_AT)
    number = 0
    while number < rounds:
        kind = order[number % len(order)]
        if taken:
            _land_next(victim, originals)
        # A training now and then, so that its steps are hit too.
        retrain = number % 5 == 4
        if taken:
            victim.seconds = max(taken) * (_TRAINING_TAKES if retrain else 1)
        started = time.monotonic()
        happening = happen(victim, kind, *(("--retrain", "reviews_rating") if retrain else ()))
        happened = time.monotonic()
        victim.run()
        finished = time.monotonic()
        if happening.phase == NOT_MET:
            # That was a whole run: the next instant comes within such a one.
            taken.clear()
            taken.append(happened - started)
        else:
            # The whole work where the kill came early; of some runs the longest is about that.
            taken.append(finished - happened)
        verify(victim)
        tell(
            f"{number + 1:4} {kind}: {happening.phase}, exit {happening.exit_code}"
            f" ({happened - started:.1f} + {finished - happened:.1f}"
            f" + {time.monotonic() - finished:.1f} s)"
        )
        if happening.phase == NOT_MET:
            continue
        number += 1
        if number % 20 == 0:
            verify_no_leftovers(victim)
    verify_no_leftovers(victim)
    verify(victim)


def _land_next(victim: Victim, originals: dict[str, list[str]]) -> None:
    """Lands a file that is new, or a changed version of one that is there."""
    new = [name for name in sorted(originals) if name not in victim.landed]
    if new and victim.chance.random() < 0.5:
        victim.land(new[0], originals[new[0]])
        return
    name = victim.chance.choice(sorted(victim.landed))
    lines = originals[name]
    kept = victim.chance.sample(range(len(lines)), k=victim.chance.randint(40, len(lines)))
    victim.land(name, [lines[index] for index in sorted(kept)])


def generated(seed: int) -> dict[str, list[str]]:
    """Lines of generated reviews by file."""
    with tempfile.TemporaryDirectory() as folder:
        generate_reviews(Path(folder), rows=_ROWS, seed=seed, months=_MONTHS)
        return {
            file.name: file.read_text().splitlines()
            for file in sorted(Path(folder).glob("*.jsonl"))
        }

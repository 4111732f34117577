"""A process of its own for one contender: `python -m bench.contender prepare|run ...`.

A first run on little data loads libraries and models; it is not timed.
"""

import importlib
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

_WARM_ROWS = 1_000
# Linux counts in KiB, macOS in bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def prepare(module: ModuleType, folder: Path, rows: int) -> None:
    """Writes the inputs: `warm` of few rows, and `full`."""
    for name, count in (("warm", _WARM_ROWS), ("full", rows)):
        (folder / name).mkdir()
        module.prepare(folder / name, count)


def run(module: ModuleType, folder: Path, name: str, repetitions: int) -> None:
    """Runs the contender and writes `<name>.json`: seconds, peak memory, result."""
    work: Callable[[Path, Path], None] = getattr(module, name)
    output = folder / f"{name}-output"
    _timed(work, folder / "warm", output)
    times = [_timed(work, folder / "full", output) for _ in range(repetitions)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT / 1e6
    report = {
        "seconds": [seconds for seconds, _ in times],
        "cpu_seconds": [cpu for _, cpu in times],
        "peak_mb": peak,
        # After the measurement: reading the result back is no part of the work.
        "result": module.fingerprint(output),
    }
    (folder / f"{name}.json").write_text(json.dumps(report))


def _timed(work: Callable[[Path, Path], None], inputs: Path, output: Path) -> tuple[float, float]:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    started, cpu_started = time.perf_counter(), time.process_time()
    work(inputs, output)
    return time.perf_counter() - started, time.process_time() - cpu_started


def main(arguments: list[str]) -> None:
    """Does what the parent asks for."""
    action, name, folder, *rest = arguments
    module = importlib.import_module(f"bench.{name}")
    if action == "prepare":
        prepare(module, Path(folder), int(rest[0]))
    else:
        run(module, Path(folder), rest[0], int(rest[1]))


if __name__ == "__main__":
    main(sys.argv[1:])

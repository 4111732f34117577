"""Runs contenders, each in a process of its own, and collects what they measured."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.catalog import Benchmark

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measured:
    """What one contender showed.

    Attributes:
        title: What it is called.
        rows: Rows it worked on.
        seconds: Median time of a repetition.
        cpu_seconds: Median processor time of a repetition, over all threads.
        peak_mb: Largest resident memory of its process, interpreter and libraries included.
        result: What identifies its result.
    """

    title: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    result: dict[str, Any]


class ResultsDifferError(Exception):
    """Two contenders did not do the same work."""


def measure(benchmark: Benchmark, *, rows: int, repetitions: int) -> list[Measured]:
    """Each contender's measurements, ours first.

    Args:
        benchmark: What to run.
        rows: Rows to generate.
        repetitions: Timed runs of each contender.

    Raises:
        ResultsDifferError: The contenders' results are not the same.
    """
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        inputs = Path(folder)
        _child("prepare", benchmark.name, str(inputs), str(rows))
        found = [
            _measured(benchmark, name, inputs, repetitions=repetitions)
            for name in benchmark.contenders
        ]
    for other in found[1:]:
        _check_same(benchmark, found[0], other)
    return found


def _measured(benchmark: Benchmark, name: str, inputs: Path, *, repetitions: int) -> Measured:
    _child("run", benchmark.name, str(inputs), name, str(repetitions))
    report = json.loads((inputs / f"{name}.json").read_text())
    return Measured(
        title=benchmark.contenders[name],
        rows=report["result"]["rows"],
        seconds=statistics.median(report["seconds"]),
        cpu_seconds=statistics.median(report["cpu_seconds"]),
        peak_mb=report["peak_mb"],
        result=report["result"],
    )


def _child(*arguments: str) -> None:
    command = [sys.executable, "-m", "bench.contender", *arguments]
    subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)


def _check_same(benchmark: Benchmark, ours: Measured, other: Measured) -> None:
    names = ours.result.keys() | other.result.keys()
    allowed = benchmark.tolerance * ours.rows
    for name in sorted(names):
        left, right = ours.result.get(name), other.result.get(name)
        if not same(left, right, allowed=allowed):
            raise ResultsDifferError(
                f"{benchmark.name}: {name} is {left} by {ours.title}, {right} by {other.title}."
            )


def same(left: Any, right: Any, *, allowed: float) -> bool:
    """Whether two values are equal, or numbers at most `allowed` apart.

    >>> same(100, 101, allowed=2.0), same(100, 101, allowed=0.0), same("a", "a", allowed=0.0)
    (True, False, True)
    """
    if isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) <= allowed
    return bool(left == right)

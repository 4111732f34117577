"""`python -m bench [--rows N] [--repetitions N] [NAME...]`: runs benchmarks, prints one table."""

import argparse
import sys
from collections.abc import Sequence

from bench.catalog import BENCHMARKS
from bench.measurement import measure
from bench.table import table


def main(arguments: Sequence[str]) -> None:
    """Runs the benchmarks named, or all, and prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Ours against what one would use instead."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rows", type=int, default=50_000, help="reviews to generate (50000)")
    parser.add_argument("--repetitions", type=int, default=3, help="timed runs of each (3)")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark '{unknown[0]}'; there are {', '.join(BENCHMARKS)}")
    if asked.rows < 1_000 or asked.repetitions < 1:
        parser.error("at least 1000 rows and one repetition are needed")
    found = []
    for name in asked.names or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].work}", file=sys.stderr)
        measured = measure(BENCHMARKS[name], rows=asked.rows, repetitions=asked.repetitions)
        found.append((name, measured))
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m bench.readers`: how long queries take beside a writer, against without one.

A process reads the lake again and again, first alone, then while another commits large inserts, and
then while another keeps one transaction open. Promised is that no reader waits for longer than a
commit takes; what would be used instead, one DuckDB file, has no reader while it has a writer.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from lakehouse.config import LakeConfig

_ROWS = 200_000
_INSERTED = 50_000
Writing = Literal["nothing", "commits", "one open transaction"]


@dataclass(frozen=True)
class Waits:
    """What readers have seen.

    Attributes:
        writing: What another process did meanwhile.
        queries: Seconds of each query.
        commits: Seconds of each commit, from the end of its work on.
    """

    writing: Writing
    queries: tuple[float, ...]
    commits: tuple[float, ...]

    @property
    def p99(self) -> float:
        """Seconds that 99 of 100 queries take at most."""
        return sorted(self.queries)[max(0, round(0.99 * len(self.queries)) - 1)]


def measure(config: LakeConfig, writing: Writing, *, seconds: float) -> Waits:
    """Reads for so long, in this process, while another writes."""
    from lakehouse.connection import Lake

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    writer = context.Process(target=_write, args=(config, writing, there))
    reader = Lake(config, read_only=True)
    writer.start()
    here.recv()
    queries, deadline = [], time.perf_counter() + seconds
    while (started := time.perf_counter()) < deadline:
        reader.rows("select kind, count(*), avg(value) from lake.bench group by kind order by kind")
        queries.append(time.perf_counter() - started)
    here.send("stop")
    commits = here.recv()
    writer.join()
    reader.close()
    return Waits(writing, tuple(queries), tuple(commits))


def _write(config: LakeConfig, writing: Writing, parent: Connection) -> None:
    from lakehouse.connection import Lake

    commits: list[float] = []
    if writing == "nothing":
        parent.send("ready")
        parent.recv()
        parent.send(commits)
        return
    lake = Lake(config)
    while True:
        with lake.write("bench") as write:
            write.connection.execute(f"insert into lake.bench {_rows(_INSERTED)}")
            if not commits:
                parent.send("ready")
            if writing == "one open transaction":
                parent.recv()
            finished = time.perf_counter()
        commits.append(time.perf_counter() - finished)
        if writing == "one open transaction" or parent.poll():
            break
    parent.send(commits)
    lake.close()


def _rows(count: int) -> str:
    return f"select range % 10 as kind, random() as value from range({count})"  # noqa: S608 - a number


def main(arguments: list[str]) -> None:
    """Measures on an embedded Postgres and a folder, and prints the table."""
    from lakehouse.connection import Lake
    from lakehouse.postgres import server_url, start_server, stop_server

    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="seconds of each phase (20)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tm-bench-") as name:
        folder = Path(name)
        url = server_url(start_server(folder / "pg"), "postgres")
        config = LakeConfig(
            postgres_url=url,
            data_path=f"{folder}/lake/",
            state_folder=folder / "state",
            memory_limit="1GB",
        )
        lake = Lake(config)
        with lake.write("bench") as write:
            write.connection.execute(f"create table lake.bench as {_rows(_ROWS)}")
        lake.close()
        try:
            phases: tuple[Writing, ...] = ("nothing", "one open transaction", "commits")
            found = [measure(config, phase, seconds=asked.seconds) for phase in phases]
        finally:
            stop_server(folder / "pg")
    print("| the writer | queries | median | p99 | longest | longest commit | median times alone |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    alone = statistics.median(found[0].queries)
    for waits in found:
        median = statistics.median(waits.queries)
        cells = [median, waits.p99, max(waits.queries), max(waits.commits, default=0.0)]
        shown = " | ".join(f"{1000 * cell:,.0f} ms" for cell in cells)
        print(f"| {waits.writing} | {len(waits.queries)} | {shown} | {median / alone:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])

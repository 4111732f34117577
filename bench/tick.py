"""`python -m bench.tick`: a tick of the landed-file sensor over many objects, of which one is new.

Beside it what would be used instead: `get_objects` of dagster-aws with the time of the last look,
which lists as much, keeps no account of what was taken, and misses what came in the same second.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake

_BUCKET = "bench-tick"
_SOURCE = "reviews"
_REPETITIONS = 5


@dataclass(frozen=True)
class Ticks:
    """What was measured, in seconds, each the median of the repetitions.

    Attributes:
        nothing_new: A tick that finds nothing new.
        one_new: A tick that finds one new object and asks for a run.
        get_objects: dagster-aws's listing of what is newer than the last look.
        probe: The look at the catalog that goes before maintenance.
    """

    nothing_new: float
    one_new: float
    get_objects: float
    probe: float


def measure(lake: Lake, s3: S3Config, *, objects: int) -> Ticks:
    """Lands and loads so many objects, one more, and lets the sensor look.

    Args:
        lake: An empty lake with the platform's tables.
        s3: A server without the benchmark's bucket.
        objects: How many are there and in the ledger.
    """
    import dagster as dg
    from dagster_aws.s3.sensor import get_objects

    from lakehouse.catalog_probe import probe_catalog
    from lakehouse.landing.files import list_landed
    from lakehouse.s3 import s3_client
    from lakehouse.sources import Source
    from sensors.context import SensorContext
    from sensors.landed_files import landed_files_sensor

    client = s3_client(s3)
    client.create_bucket(Bucket=_BUCKET)

    def put(number: int) -> None:
        key = f"landing/{_SOURCE}/{number // 100:05}/file-{number:07}.csv"
        client.put_object(Bucket=_BUCKET, Key=key, Body=f"rating\n{number}\n".encode())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(objects)))
    landing = f"s3://{_BUCKET}/landing"
    _take(lake, list_landed(landing, _SOURCE, s3))
    platform = SensorContext(
        open_lake=lambda: lake,
        landing=landing,
        s3=s3,
        landing_queue=None,
        sources={_SOURCE: Source.model_construct(name=_SOURCE, columns=())},
        specs={},
        features_versions={},
        ingest_job="ingest_and_score",
        concerned=lambda _: [dg.AssetKey(["raw", _SOURCE])],
        retrain_job=lambda model: model,
        webhook=None,
    )
    sensor = landed_files_sensor(platform)
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(requests: int) -> None:
            result: Any = sensor(dg.build_sensor_context(instance=instance))
            found = len(getattr(result, "run_requests", None) or [])
            if found != requests:
                raise RuntimeError(f"{found} runs were asked for, not {requests}")

        nothing_new = _median(lambda: tick(0))
        last_look = datetime.now(UTC)
        time.sleep(1.1)  # S3 keeps whole seconds
        put(objects)
        one_new = _median(lambda: tick(1))
    newer = _median(
        lambda: get_objects(
            _BUCKET,
            prefix=f"landing/{_SOURCE}/",
            since_last_modified=last_look,
            client=client,
        )
    )
    url = lake.config.postgres_url.get_secret_value()
    return Ticks(nothing_new, one_new, newer, _median(lambda: probe_catalog(url)))


def _take(lake: Lake, files: list[Any]) -> None:
    """Enters the files into the ledger, as loaded."""
    import pyarrow as pa

    now = datetime.now(UTC)
    rows = [
        {
            "load_id": number,
            "source": _SOURCE,
            "bucket": file.bucket,
            "file": file.key,
            "etag": file.version,
            "content_hash": "",
            "bytes": file.size,
            "lines": 1,
            "loaded": 1,
            "rejected": 0,
            "status": "loaded",
            "loaded_at": now,
            "snapshot_id": 1,
        }
        for number, file in enumerate(files, start=1)
    ]
    with lake.write("bench") as write:
        write.connection.register("taken", pa.Table.from_pylist(rows))
        write.connection.execute("insert into lake.ops.file_ledger by name select * from taken")
        write.connection.unregister("taken")


def _median(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(_REPETITIONS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main(arguments: list[str]) -> None:
    """Measures against a server of its own, and prints the table."""
    from lakehouse.postgres import server_url, start_server, stop_server
    from lakehouse.tables import create_tables
    from tests.servers.radosgw import radosgw_server
    from tests.servers.rclone import rclone_server

    servers: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
        "radosgw": radosgw_server,
        "rclone": rclone_server,
    }
    parser = argparse.ArgumentParser(prog="python -m bench.tick", description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000, help="that are there (10000)")
    parser.add_argument("--server", choices=servers, default="radosgw")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-tick-")))
        server = stack.enter_context(servers[asked.server](folder / "s3"))
        url = server_url(start_server(folder / "pg"), "postgres")
        stack.callback(stop_server, folder / "pg")
        lake = Lake(
            LakeConfig(
                postgres_url=url,
                data_path=f"{folder}/lake/",
                state_folder=folder / "state",
                memory_limit="1GB",
            )
        )
        stack.callback(lake.close)
        create_tables(lake)
        ticks = measure(lake, server.access, objects=asked.objects)
    print(f"{asked.objects:,} objects on {asked.server}, medians of {_REPETITIONS}")
    print("| | ms | times the tick with a new object |")
    print("|---|---:|---:|")
    for title, seconds in (
        ("tick, nothing new", ticks.nothing_new),
        ("tick, one new object", ticks.one_new),
        ("dagster-aws get_objects", ticks.get_objects),
        ("look at the catalog", ticks.probe),
    ):
        print(f"| {title} | {1000 * seconds:,.0f} | {seconds / ticks.one_new:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])

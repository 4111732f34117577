"""Files made to exhaust memory, disk or patience end soon, with a reason that names the limit.

One process takes them all in one ingest; its peak memory and its processor time are measured.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.connection import Lake

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# Measured: 0.90 GB and 12.9 s of processor time.
_PEAK_MEMORY = 1.5e9
_PROCESSOR_SECONDS = 60

_MIB = 1 << 20
_INGEST = """
import json, re, resource, sys
from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import Source

landing = sys.argv[1]
lake = Lake(LakeConfig.model_validate_json(sys.stdin.read()))
files = list_landed(landing, "a", S3Config())
results = ingest_files(lake, Source(name="a", columns=("id", "text")), files, landing=landing)
used = resource.getrusage(resource.RUSAGE_SELF)
# Not its maximum resident set: that begins with the size of the process that has forked.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({
    "results": {r.file.key: [r.status, r.loaded, r.rejected, r.reason or ""] for r in results},
    "memory": peak * 1024,
    "seconds": used.ru_utime + used.ru_stime,
}))
"""


def _gzip_of(pattern: bytes, size: int) -> bytes:
    """A gzip file of that many bytes: members follow each other, so one is enough to compress."""
    unit = 16 * _MIB
    return gzip.compress(pattern * (unit // len(pattern))) * (size // unit)


def _zstd_of(pattern: bytes, size: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(pattern * (16 * _MIB // len(pattern)))
    return bytes(sink.getvalue()) * (size // (16 * _MIB))


def _parquet_of(text: str, rows: int) -> bytes:
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text]))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": column}), sink)
    return bytes(sink.getvalue())


def _around(line: bytes) -> bytes:
    return b'{"id": 1}\n' + line + b'\n{"id": 2}\n'


# By name: the content, the rows and rejected lines, and what the reason says.
_FILES: dict[str, tuple[Callable[[], bytes], tuple[int, int], str]] = {
    "line.jsonl": (lambda: _around(b'{"id": "%s"}' % (b"x" * 100_000_000)), (2, 1), ""),
    "long.jsonl": (lambda: _around(b'{"id": "%s"}' % (b"x" * (15 * _MIB))), (3, 0), ""),
    "line.csv": (lambda: b'id,text\n1,a\n2,"%s"\n3,c\n' % (b"x" * 100_000_000), (2, 1), ""),
    "commas.csv": (lambda: b"id,text\n1,a\n%s\n3,c\n" % (b"," * (15 * _MIB)), (2, 1), ""),
    "header.csv": (lambda: b"id,text%s\n" % (b"," * _MIB), (0, 0), "more than 1000 columns"),
    "value.json": (lambda: b'[{"id": [%s1]}]' % (b"10," * (3 * _MIB)), (1, 0), ""),
    "open.json": (lambda: b'[{"id": 1}, "%s' % (b"x" * (40 * _MIB)), (1, 1), ""),
    "deep.jsonl": (lambda: _around(b"[" * 4_000_000 + b"]" * 4_000_000), (2, 1), ""),
    "quotes.csv": (lambda: b"id,text\n" + b'x","y\n' * 20_000, (0, 20_000), ""),
    "names.jsonl": (
        lambda: b"".join(b'{"k%d":1}\n' % n for n in range(300_000)),
        (0, 0),
        "more than 1000 columns",
    ),
    "blank.jsonl": (lambda: b"\n" * 1_500_000, (0, 0), "lines cannot be read"),
    "zeros.jsonl.gz": (lambda: _gzip_of(b"\0", 4 << 30), (0, 0), "neither text nor Parquet"),
    "spaces.jsonl.gz": (lambda: _gzip_of(b" ", 4 << 30), (0, 0), "more than 200 times"),
    "lines.jsonl.gz": (lambda: _gzip_of(b"{}\n ", 4 << 30), (0, 0), "more than 200 times"),
    "lines.csv.zst": (lambda: _zstd_of(b"1,a\n", 4 << 30), (0, 0), "more than 200 times"),
    "nested.jsonl.gz": (
        lambda: gzip.compress(_gzip_of(b" ", 4 << 30)),
        (0, 0),
        "compressed twice",
    ),
    "parquet.gz": (
        lambda: gzip.compress(_parquet_of("x", 10)) + _gzip_of(b"\0", 4 << 30),
        (0, 0),
        "more than 200 times",
    ),
    "rows.parquet": (lambda: _parquet_of("x", 3_000_000), (0, 0), "rows in"),
    "texts.parquet": (lambda: _parquet_of("y" * 100_000, 200_000), (0, 0), "texts have"),
    "sound.jsonl": (lambda: _around(b'{"id": 3}'), (3, 0), ""),
}


@pytest.fixture(scope="module")
def ingested(shared_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process said of all the files, and what it needed."""
    landing = tmp_path_factory.mktemp("landing")
    (landing / "a").mkdir()
    for name, (content, *_) in _FILES.items():
        (landing / "a" / name).write_bytes(content())
    url = shared_lake.config.postgres_url.get_secret_value()
    config = shared_lake.config.model_dump(mode="json", exclude={"s3"}) | {"postgres_url": url}
    script = landing / "ingest.py"
    script.write_text(_INGEST)
    done = subprocess.run(
        [sys.executable, str(script), str(landing)],
        input=json.dumps(config).encode(),
        capture_output=True,
        check=False,
    )
    for file in (landing / "a").iterdir():
        file.unlink()
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("name", _FILES)
def test_each_file_ends_in_its_own_way(ingested: dict[str, Any], name: str) -> None:
    _, counts, reason = _FILES[name]
    status, loaded, rejected, said = ingested["results"][f"a/{name}"]
    assert status == ("rejected" if reason else "loaded"), said
    assert (loaded, rejected) == counts
    assert reason in said


def test_memory_and_time_are_bounded(ingested: dict[str, Any]) -> None:
    assert ingested["memory"] < _PEAK_MEMORY
    assert ingested["seconds"] < _PROCESSOR_SECONDS


def test_long_lines_name_the_limit(ingested: dict[str, Any], shared_lake: Lake) -> None:
    assert ingested
    reasons = shared_lake.rows(
        "select distinct reason from lake.raw.rejected_lines"
        " where _file in ('a/line.jsonl', 'a/line.csv')"
    )
    assert sorted(reasons) == [("longer than 16 MiB",), ("not CSV: longer than 16 MiB",)]

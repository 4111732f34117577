"""Benchmarks do the same work by every contender and report it; how fast is not tested."""

import importlib
import subprocess
import sys

import pytest

from bench import readers, tick
from bench.__main__ import main
from bench.catalog import BENCHMARKS
from bench.measurement import Measured, ResultsDifferError, _check_same, measure
from bench.table import COLUMNS, table

ROWS = 1_200


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_contender_is_measured_in_a_process_of_its_own():
    benchmark = BENCHMARKS["landing"]
    found = measure(benchmark, rows=ROWS, repetitions=1)
    assert [one.title for one in found] == list(benchmark.contenders.values())
    assert len({one.rows for one in found}) == 1
    assert 0.9 * ROWS < found[0].rows <= ROWS
    assert all(one.seconds > 0 and one.peak_mb > 10 for one in found)
    lines = table([("landing", found)]).splitlines()
    assert _cells(lines[0]) == list(COLUMNS)
    assert all(len(_cells(line)) == len(COLUMNS) for line in lines)
    assert [_cells(line)[1] for line in lines[2:]] == list(benchmark.contenders.values())


@pytest.mark.filterwarnings("ignore")  # of the contenders' libraries
@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "landing"])
def test_contenders_do_the_same_work(name, tmp_path):
    """In this process: its libraries are loaded, which takes longer than the work."""
    benchmark, module = BENCHMARKS[name], importlib.import_module(f"bench.{name}")
    module.prepare(tmp_path, ROWS)
    found = []
    for contender, title in benchmark.contenders.items():
        output = tmp_path / f"{contender}-output"
        output.mkdir()
        getattr(module, contender)(tmp_path, output)
        result = module.fingerprint(output)
        found.append(Measured(title, result["rows"], 1.0, 1.0, 1.0, result))
    for other in found[1:]:
        _check_same(benchmark, found[0], other)
    assert 0.9 * ROWS < found[0].rows <= ROWS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_contender_of_the_catalog_is_there(name):
    module = importlib.import_module(f"bench.{name}")
    assert next(iter(BENCHMARKS[name].contenders)) == "tidemark"
    for function in (*BENCHMARKS[name].contenders, "prepare", "fingerprint"):
        assert callable(getattr(module, function))


def test_ratios_are_against_ours():
    ours = Measured("tidemark", 100, 2.0, 1.0, 50.0, {})
    other = Measured("other", 100, 5.0, 4.0, 25.0, {})
    lines = table([("work", [ours, other])]).splitlines()
    assert _cells(lines[2])[5] == "1.0"
    assert _cells(lines[3])[5:] == ["2.5", "4.00", "4.0", "25", "0.5"]


def test_different_results_are_an_error_that_names_them():
    ours = Measured("tidemark", 100, 1.0, 1.0, 1.0, {"rows": 100, "characters": 7})
    other = Measured("other", 100, 1.0, 1.0, 1.0, {"rows": 100, "characters": 8})
    with pytest.raises(ResultsDifferError, match="characters is 7 by tidemark, 8 by other"):
        _check_same(BENCHMARKS["landing"], ours, other)


def test_a_tolerated_difference_passes_and_a_missing_result_does_not():
    ours = Measured("tidemark", 100, 1.0, 1.0, 1.0, {"en": 90})
    near = Measured("other", 100, 1.0, 1.0, 1.0, {"en": 91})
    _check_same(BENCHMARKS["text"], ours, near)
    with pytest.raises(ResultsDifferError, match="en is 90 by tidemark, None by other"):
        _check_same(BENCHMARKS["text"], ours, Measured("other", 100, 1.0, 1.0, 1.0, {}))


@pytest.mark.parametrize("arguments", [["speed"], ["--rows", "10"], ["--repetitions", "0"]])
def test_impossible_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert "python -m bench" in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.parametrize("writing", ["nothing", "commits", "one open transaction"])
def test_readers_are_timed_beside_a_writer(writing, lake):
    with lake.write("test") as write:
        write.connection.execute("create table lake.bench as select 1 as kind, 0.5 as value")
    waits = readers.measure(lake.config, writing, seconds=0.2)
    assert waits.queries
    assert bool(waits.commits) == (writing != "nothing")
    assert waits.p99 <= max(waits.queries)


@pytest.mark.integration
def test_ticks_are_timed_with_and_without_a_new_object(lake, radosgw):
    ticks = tick.measure(lake, radosgw, objects=3)
    assert min(ticks.nothing_new, ticks.one_new, ticks.get_objects, ticks.probe) > 0


def test_the_parent_loads_nothing_heavy():
    """A child's peak memory begins at its parent's."""
    heavy = "{'numpy', 'pandas', 'duckdb', 'pyarrow', 'mlflow'}"
    code = f"import sys, bench.__main__; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

import subprocess
import sys
from pathlib import Path

from lakehouse.scratch import remove_abandoned, scratch_folder

_HOLD = """
import sys, time
from pathlib import Path
from lakehouse.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("x")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_scratch_folder_is_gone_after_its_block(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "s") as folder:
        (folder / "file").write_text("x")
        assert folder.is_dir()
    assert list((tmp_path / "s").iterdir()) == []


def test_folders_of_living_owners_stay_and_of_dead_ones_go(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        assert remove_abandoned(tmp_path) == 0
        with scratch_folder(tmp_path) as own:
            assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
            assert own.is_dir()
        owner.kill()
    assert [path.is_dir() for path in tmp_path.iterdir()].count(True) == 1
    with scratch_folder(tmp_path) as own:
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [own]

"""What is done to a run: kills, servers that go away, a network and a disk that fail."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from lakehouse.postgres import running_server
from lakehouse.writer_lock import lock_holder
from tests.chaos.proxy import FAULTS
from tests.chaos.storage import S3Storage
from tests.chaos.victim import Happening, Victim

Run = subprocess.Popen[bytes]
# True when it was done; False when the moment for it has not come.
Doing = Callable[[Victim, Run], bool]

NOT_MET = "not met"  # the phase of a run that was over before anything could happen to it
_SERVER = "dagster_project.dbt_server"
_POLL_SECONDS = 0.002
_BUILD_SECONDS = 6.0
# Of a run's time, within which the waiting for the moment begins: builds are over before the run.
_BEGINS_WITHIN = {"kill dbt": 0.5}


def happen(victim: Victim, kind: str, *arguments: str) -> Happening:
    """A run to which something happens at a random instant; it must then end by itself.

    Whatever is not a kill of the run itself must end in success or in one clear message.
    """
    doing = kinds(victim)[kind]
    run = victim.start(*arguments)
    latest = max(victim.seconds * _BEGINS_WITHIN.get(kind, 1.0), 0.2)
    until = time.monotonic() + victim.chance.uniform(0.2, latest)
    while time.monotonic() < until and run.poll() is None:
        time.sleep(0.01)
    done, phase = False, NOT_MET
    while run.poll() is None and not done:
        phase = victim.phase
        done = doing(victim, run)
        time.sleep(_POLL_SECONDS)
    code = run.wait(timeout=300)
    assert not (done and kind == "kill dbt") or code == 1, "a dbt that was killed went unnoticed"
    happening = Happening(kind, phase if done else NOT_MET, None if code < 0 else code)
    victim.happenings.append(happening)
    if code >= 0:
        output = victim.output
        assert "Traceback" not in output, output
        assert code in (0, 1), output
        errors = [line for line in output.splitlines() if line.startswith("Error: ")]
        assert len(errors) == code, output
    return happening


def kinds(victim: Victim) -> dict[str, Doing]:
    """What can be done to this platform, by name."""
    found: dict[str, Doing] = {
        "kill everything": _kill_everything,
        "kill the run alone": _kill_run,
        "kill in a commit": _kill_in_commit,
        "kill dbt": _kill_dbt,
        "kill postgres": _kill_postgres,
    }
    if isinstance(victim.storage, S3Storage):
        found |= {
            "kill in an upload": _kill_in_upload,
            "kill and restart the S3 server": _kill_s3,
            **{f"network: {fault}": _fault(fault) for fault in FAULTS},
        }
    if victim.disk is not None:
        found["full disk"] = _fill_disk
    return found


def _kill_everything(_: Victim, run: Run) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    return True


def _kill_run(_: Victim, run: Run) -> bool:
    run.kill()
    return True


def _kill_in_commit(victim: Victim, run: Run) -> bool:
    status = running_server(victim.settings.postgres_folder)
    holder = None if status is None else lock_holder(victim.settings.server.lake)
    if holder is None or holder.purpose.startswith("dbt build"):
        return False
    return _kill_everything(victim, run)


def _kill_in_upload(victim: Victim, run: Run) -> bool:
    assert isinstance(victim.storage, S3Storage)
    return victim.storage.proxy.uploads > 0 and _kill_everything(victim, run)


def _kill_dbt(victim: Victim, run: Run) -> bool:
    """A dbt build, some time after it has begun."""
    if not _dbt_builds(victim, run):
        return False
    with suppress(subprocess.TimeoutExpired):
        run.wait(timeout=victim.chance.uniform(0, _BUILD_SECONDS))
    builds = _dbt_builds(victim, run)
    for build in builds:
        build.kill()
    # One that has written its results meanwhile was over.
    return bool(builds) and not _has_results(victim)


def _dbt_builds(victim: Victim, run: Run) -> list[psutil.Process]:
    """The forks of the warm server, which has other children too, that have no results yet."""
    if _has_results(victim):
        return []
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(run.pid).children(recursive=True)
        dbt = [child for child in children if _SERVER in " ".join(child.cmdline())]
        return [child for child in dbt if child.ppid() != run.pid]
    return []


def _has_results(victim: Victim) -> bool:
    """Whether the newest dbt build has written its results, or there was none."""
    targets = (victim.state / "dbt" / "runs").glob("*/*")
    newest = max(targets, key=lambda folder: folder.stat().st_mtime, default=None)
    return newest is None or (newest / "run_results.json").exists()


def _kill_postgres(victim: Victim, _: Run) -> bool:
    status = running_server(victim.settings.postgres_folder)
    if status is None:
        return False
    postmaster = psutil.Process(status.pid)
    for process in [postmaster, *postmaster.children()]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return True


def _kill_s3(victim: Victim, _: Run) -> bool:
    assert isinstance(victim.storage, S3Storage)
    victim.storage.listener.kill()
    time.sleep(victim.chance.uniform(0, 3))
    victim.storage.listener.start()
    return True


def _fault(kind: str) -> Doing:
    def fail(victim: Victim, run: Run) -> bool:
        assert isinstance(victim.storage, S3Storage)
        proxy = victim.storage.proxy
        before = proxy.faults
        proxy.fault = kind
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=victim.chance.uniform(0.5, 8))
        proxy.fault = None
        return kind == "refused" or proxy.faults > before

    return fail


def _fill_disk(victim: Victim, run: Run) -> bool:
    assert victim.disk is not None
    filler = victim.disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    with suppress(subprocess.TimeoutExpired):
        run.wait(timeout=victim.chance.uniform(0.5, 8))
    filler.unlink()
    return True

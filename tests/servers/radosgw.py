"""A Ceph cluster of one monitor, one store in memory and one S3 gateway; starts in two seconds.

Ceph's gateway behaves like the real S3 where small servers do not: conditional requests, ranges,
nested keys, strict checks of what a request may ask for, encryption with a KMS key.
"""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from lakehouse.config import S3Config
from tests.servers.listening import Server, absent, free_port, process
from tests.servers.s3_server import S3Server

KMS_KEY = "tidemark-test-key"
_PROGRAMS = (
    "monmaptool", "osdmaptool", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin",
)  # fmt: skip
# What makes it small and fast: no authentication between its parts, one copy of everything, one
# placement group a pool, and votes at once instead of once a second (12 s of the start otherwise).
_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
paxos propose interval = 0.02
paxos min wait = 0.01
run dir = {folder}
crash dir = {folder}
log file = {folder}/$name.log
pid file =
admin socket =
keyring = {folder}/none
mon data = {folder}/mon
osd data = {folder}/osd
mon data avail crit = 0
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd class load list = *
osd class default list = *
rgw rados pool pg num min = 1
rgw thread pool size = 16
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = {kms_key}={kms_secret}
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


@contextmanager
def radosgw_server(folder: Path) -> Iterator[S3Server]:
    """The cluster for the block's time; nothing of it is on disk but its monitor's notes."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        absent(f"there is no {missing[0]} (Debian: apt-get install radosgw ceph-mon ceph-osd)")
    port, mon_port, fsid = free_port(), free_port(), str(uuid.uuid4())
    for name in ("mon", "osd"):
        (folder / name).mkdir(parents=True)
    config = folder / "ceph.conf"
    config.write_text(
        _CONFIG.format(
            fsid=fsid,
            folder=folder,
            port=port,
            mon_port=mon_port,
            kms_key=KMS_KEY,
            kms_secret=base64.b64encode(bytes(range(32))).decode(),
        )
    )

    def run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"

    ceph = ("-c", str(config))
    # The store is on the map from the first: making it known later takes the slow `ceph` command.
    run("monmaptool", "--create", "--fsid", fsid,
        "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", str(folder / "monmap"))  # fmt: skip
    run("osdmaptool", "--createsimple", "1", str(folder / "osdmap"))
    run("ceph-mon", *ceph, "-i", "a", "--mkfs",
        "--monmap", str(folder / "monmap"), "--osdmap", str(folder / "osdmap"))  # fmt: skip
    with ExitStack() as running:

        def start(name: str, *arguments: str) -> None:
            command = [name, *ceph, *arguments, "-f"]
            running.enter_context(process(command, folder / f"{name}.out"))

        start("ceph-mon", "-i", "a")
        run("ceph-osd", *ceph, "-i", "0", "--mkfs")
        start("ceph-osd", "-i", "0")
        run("radosgw-admin", *ceph, "user", "create", "--uid", "tidemark",
            "--display-name", "tidemark", "--access-key", "key", "--secret-key", "secret",
        )  # fmt: skip
        gateway = Server(["radosgw", *ceph, "-n", "client.rgw", "-f"], port, folder / "radosgw.out")
        running.enter_context(gateway.running_inside())
        access = S3Config(
            endpoint=f"http://127.0.0.1:{port}",
            access_key=SecretStr("key"),
            secret_key=SecretStr("secret"),
        )
        yield S3Server(access, gateway)

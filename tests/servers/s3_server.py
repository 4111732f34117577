"""An S3 server that tests have started."""

from dataclasses import dataclass

from lakehouse.config import S3Config
from tests.servers.listening import Server


@dataclass(frozen=True)
class S3Server:
    """How to reach it, and the process that listens; what it stores outlives that one's kills."""

    access: S3Config
    listener: Server

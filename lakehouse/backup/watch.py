"""Where long work on files tells how far it is."""

from typing import Protocol


class Watch(Protocol):
    """Told what is done; called by several threads."""

    def phase(self, text: str, total_bytes: int = 0) -> None:
        """A phase begins, which will move that many bytes; 0 where it is not known."""
        ...

    def advance(self, done_bytes: int) -> None:
        """So many bytes more are done."""
        ...


class Unwatched:
    """Tells nobody."""

    def phase(self, text: str, total_bytes: int = 0) -> None:
        """Nothing."""

    def advance(self, done_bytes: int) -> None:
        """Nothing."""

"""Progress of long work on files in the terminal: what is done, how many bytes, how long still."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class TransferProgress:
    """A line for what is done, with a bar where its bytes are known."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "TransferProgress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def phase(self, text: str, total_bytes: int = 0) -> None:
        """Shows a new phase in place of the one before."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(text, total=total_bytes or None)

    def advance(self, done_bytes: int) -> None:
        """Moves the bar."""
        if self._task is not None:
            self._progress.advance(self._task, done_bytes)

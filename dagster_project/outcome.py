"""How a run ended, and the one error that a command shows for it."""

from dataclasses import dataclass

from lakehouse.errors import TidemarkError


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: Dagster's id.
        success: Whether all steps succeeded.
        errors: What went wrong, in the users' words, the first first.
        failed_checks: Checks that did not pass, as `asset: check: description`.
    """

    run_id: str
    success: bool
    errors: tuple[TidemarkError, ...] = ()
    failed_checks: tuple[str, ...] = ()

    def as_error(self) -> TidemarkError:
        """The run's failure as one error."""
        if self.errors:
            first, more = self.errors[0], len(self.errors) - 1
            suffix = f"\n(and {more} more steps failed)" if more else ""
            return TidemarkError(f"{first.message}{suffix}", hint=first.hint)
        return TidemarkError(
            "A blocking check did not pass, so what is behind it did not run:\n"
            + "\n".join(self.failed_checks),
            hint=f"`tidemark up` shows run {self.run_id[:8]} with all its checks.",
        )

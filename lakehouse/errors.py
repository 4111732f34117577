"""The one base class of errors that a user is meant to read."""

from typing import Any


class TidemarkError(Exception):
    """Something the user can act on: what is wrong, and what to do about it.

    Args:
        message: What is wrong, with the values seen and what would be right.
        hint: The next step for the user; shown after the message.

    >>> print(TidemarkError("No source 'revews'.", hint="Did you mean 'reviews'?"))
    No source 'revews'.
    Hint: Did you mean 'reviews'?
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle their positional arguments only; worker processes send these back.
        return _rebuilt, (type(self), self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}"


def _rebuilt(kind: type[TidemarkError], message: str, hint: str) -> TidemarkError:
    """The error as it was, past the constructors of subclasses, which take other arguments."""
    error = kind.__new__(kind, message)
    TidemarkError.__init__(error, message, hint=hint)
    return error

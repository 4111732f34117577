"""The user's error: message and hint, also from another process."""

import pickle

from lakehouse.errors import TidemarkError
from lakehouse.landing.compression import UnreadableFileError


def test_message_and_hint_survive_the_way_out_of_a_worker_process():
    error = TidemarkError("No source.", hint="Declare it.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes
    assert (type(again), again.message, again.hint) == (TidemarkError, "No source.", "Declare it.")
    assert str(again) == "No source.\nHint: Declare it."


def test_a_subclass_stays_itself():
    again = pickle.loads(pickle.dumps(UnreadableFileError("Cut off.")))  # noqa: S301
    assert (type(again), again.message) == (UnreadableFileError, "Cut off.")
    assert "Land a sound copy" in again.hint

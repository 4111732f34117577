"""Posts an alert to the webhook, with a few tries: the log has it in any case."""

import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Mapping

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 5
_TRIES = 3


def post_alert(url: str, alert: Mapping[str, object]) -> bool:
    """Whether the webhook took the alert as JSON; a refusal is logged, never raised.

    The URL is not logged: it often holds a token.
    """
    try:
        request = urllib.request.Request(  # noqa: S310 - the operator's own setting
            url,
            data=json.dumps(alert).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "tidemark"},
            method="POST",
        )
    except ValueError:
        return _no_url()
    for attempt in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310
                return True
        except (ValueError, http.client.InvalidURL):
            # Their texts quote the URL.
            return _no_url()
        except (OSError, http.client.HTTPException) as error:
            _log.warning("The alert webhook did not take try %d: %s", attempt + 1, error)
        if attempt + 1 < _TRIES:
            time.sleep(0.2 * 2**attempt)
    return False


def _no_url() -> bool:
    _log.warning("TIDEMARK_ALERT_WEBHOOK is not a URL; the alert stands in the log only.")
    return False

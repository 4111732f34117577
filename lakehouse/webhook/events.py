"""The events in a request's body."""

from lakehouse.landing.json_document import BrokenDocumentError, json_values


class NotEventsError(ValueError):
    """A body that holds no events."""


def events_in(body: bytes) -> list[bytes]:
    r"""Each event of the body as one line, otherwise as it came.

    A body is a JSON object, a list of objects, or objects one after the other.

    Raises:
        NotEventsError: It is none of these; no event is taken.

    >>> events_in(b'[{"a": 1.10}, {"b":\n "x"}]')
    [b'{"a": 1.10}', b'{"b":  "x"}']
    """
    try:
        body.decode()
        # Between the parts of JSON a line end means nothing; within texts it is written \n.
        texts = [text.replace("\r", " ").replace("\n", " ") for text in json_values([body])]
    except UnicodeDecodeError as error:
        raise NotEventsError("the body is not UTF-8") from error
    except BrokenDocumentError as error:
        raise NotEventsError(f"the body is not JSON: {error.reason}") from error
    if not texts:
        raise NotEventsError("the body is empty")
    for number, text in enumerate(texts, 1):
        if not text.startswith("{"):
            raise NotEventsError(f"event {number} is not a JSON object")
    return [text.encode() for text in texts]

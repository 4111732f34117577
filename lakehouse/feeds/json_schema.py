"""The language of source declarations as a JSON schema, for editors and the generated reference."""

from typing import Any

from lakehouse.feeds.document import Feed


def feed_json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a source's file, with every field's description.

    >>> feed_json_schema()["properties"]["from"]["description"]
    'Where its bytes come from.'
    """
    schema = Feed.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

"""Secrets that a source names by their environment variables: filled in, and left out of texts."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed

ReadVariable = Callable[[str], str | None]
MASK = "***"


def secret(feed: Feed, name: str, read: ReadVariable) -> str:
    """The value of an environment variable that the source needs.

    Raises:
        TidemarkError: It is not set.
    """
    value = (read(name) or "").strip()
    if not value:
        raise TidemarkError(
            f"The source '{feed.name}' needs the environment variable {name}, which is not set.",
            hint=f"Set it in the environment that Tidemark runs in. {feed.description}".strip(),
        )
    return value


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders filled in.

    >>> filled("/{from}/{to}?t={token}", {"from": "1", "to": "2", "token": "***"})
    '/1/2?t=***'
    """
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, as they are and as URLs write them."""
    for value in secrets:
        for form in (value, quote(value, safe="")):
            text = text.replace(form, MASK)
    return text

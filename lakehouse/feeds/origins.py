"""Where a source's bytes come from. Whatever the kind, they land as files first."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from lakehouse.declaration.section import ColumnName, Number, Section, WholeNumber
from lakehouse.feeds.schedule import Schedule

EnvironmentName = Annotated[str, Field(pattern="^[A-Z_][A-Z0-9_]*$", max_length=100)]
HttpUrl = Annotated[str, Field(pattern="^https?://[^/?#]+")]
_SCHEDULE = "When it is pulled by itself; null: only when asked."
_TOKEN = "Environment variable with the token that stands for `{token}`."  # noqa: S105 - its name


class Files(Section):
    """Files that somebody lands: `tidemark land`, or a program that writes to the bucket."""

    kind: Literal["files"] = Field("files", description="Where bytes come from.")


class Requests(Section):
    """How a server is asked."""

    per_minute: Number = Field(60, gt=0, le=6000, description="Most requests in a minute.")
    attempts: WholeNumber = Field(
        5, ge=1, le=20, description="Tries of each request that the server or the network fails."
    )
    timeout_seconds: Number = Field(
        60, gt=0, le=3600, description="Longest silence of the server before a try has failed."
    )


class HttpCursor(Section):
    """Asking only for what is new: `{from}` and `{to}` in the URL or the parameters.

    `{from}` is the newest value landed so far, minus the overlap; `{to}` is today.
    """

    column: ColumnName = Field(description="Raw column that tells how far the answers reach.")
    format: str | None = Field(
        None, description="Form of its dates in the answers, as in %d/%m/%Y; null: whole numbers."
    )
    start: str = Field(description="`{from}` of the first request: a date (2024-01-31) or number.")
    request_format: str = Field("%Y-%m-%d", description="Form of the dates in the request.")
    overlap_days: WholeNumber = Field(
        7, ge=0, le=3660, description="Days asked for again each time, for revised values."
    )

    @field_validator("format", "request_format")
    @classmethod
    def _is_date_format(cls, value: str | None) -> str | None:
        if value is not None and "%" not in value:
            raise ValueError(f"'{value}' is no form of dates, as in %Y-%m-%d")
        return value


class NumberedPages(Section):
    """Pages by number or offset, until one has no records."""

    by: Literal["number"] = Field(description="How the next page is found.")
    parameter: str = Field(min_length=1, description="Parameter with the page's number.")
    first: WholeNumber = Field(1, ge=0, description="Number of the first page.")
    step: WholeNumber = Field(
        1,
        ge=1,
        description="What the next page's number is larger by: the page's size, for an offset.",
    )


class LinkedPages(Section):
    """Pages that name the next one, until one does not."""

    by: Literal["link"] = Field(description="How the next page is found.")
    field: str = Field(
        min_length=1, description="Path to the next page's URL in the answer, as in links.next."
    )


Pages = Annotated[NumberedPages | LinkedPages, Field(discriminator="by")]


class Http(Section):
    """An HTTP API; each answer lands as it came."""

    kind: Literal["http"] = Field(description="Where bytes come from.")
    url: HttpUrl = Field(description="URL, with `{token}`, `{from}` and `{to}` where they belong.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="Parameters of the query, likewise."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers, likewise.")
    token: EnvironmentName | None = Field(None, description=_TOKEN)
    incremental: HttpCursor | None = Field(
        None, description="How only what is new is asked for; null: everything each time."
    )
    pages: Pages | None = Field(None, description="How further pages are asked for; null: none.")
    requests: Requests = Field(default_factory=Requests, description="How the server is asked.")
    schedule: Schedule | None = Field(None, description=_SCHEDULE)


class PostgresCursor(Section):
    """Reading only rows beyond the last ones."""

    column: ColumnName = Field(description="Column that only grows, in the order of commits.")
    by: Literal["key", "timestamp"] = Field(description="What the column holds.")
    lag_seconds: Number = Field(
        60,
        ge=0,
        description="Timestamps younger than this wait for the next pull: a transaction"
        " may still commit an older one.",
    )


class Postgres(Section):
    """A table or query of a Postgres database; rows land as JSON lines."""

    kind: Literal["postgres"] = Field(description="Where bytes come from.")
    connection: EnvironmentName = Field(description="Environment variable with the database's URL.")
    table: str | None = Field(
        None, pattern=r"^[^.]+(\.[^.]+)?$", description="Table or view, as in public.orders."
    )
    query: str | None = Field(None, min_length=1, description="A query in place of a table.")
    incremental: PostgresCursor | None = Field(
        None, description="How only new rows are read; null: all rows, in place of those before."
    )
    schedule: Schedule | None = Field(None, description=_SCHEDULE)


class Url(Section):
    """One file at a URL, resumed where a download was cut."""

    kind: Literal["url"] = Field(description="Where bytes come from.")
    url: HttpUrl = Field(description="URL of the file, with `{token}` where it belongs.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Headers, with `{token}` where it belongs."
    )
    token: EnvironmentName | None = Field(None, description=_TOKEN)
    checksum: str | None = Field(
        None,
        pattern="^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|md5:[0-9a-f]{32})$",
        description="What the file's bytes must give, as in sha256:<hex>.",
    )
    on_change: Literal["replace", "keep"] = Field(
        "replace", description="Whether a changed file's rows replace those before or add to them."
    )
    requests: Requests = Field(default_factory=Requests, description="How the server is asked.")
    schedule: Schedule | None = Field(None, description=_SCHEDULE)


class Webhook(Section):
    """Events that others post to `tidemark webhook`; they land in batches as JSON lines."""

    kind: Literal["webhook"] = Field(description="Where bytes come from.")
    secret: EnvironmentName = Field(
        description="Environment variable with the secret that callers send as a bearer token."
    )
    max_kilobytes: WholeNumber = Field(
        1024, ge=1, le=16384, description="Largest request that is taken."
    )
    batch_seconds: Number = Field(
        60, gt=0, description="Longest time that an event waits before its batch lands."
    )
    batch_kilobytes: WholeNumber = Field(
        16384, ge=1, description="Size at which a batch lands at once."
    )


Origin = Annotated[Files | Http | Postgres | Url | Webhook, Field(discriminator="kind")]
Pulled = Http | Postgres | Url

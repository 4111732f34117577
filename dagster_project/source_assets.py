"""Assets of the declared sources: what a pull lands, and the errors of broken declarations."""

import dagster as dg

from dagster_project.landing_assets import source_key
from dagster_project.platform import Platform
from lakehouse.declaration.folder import BrokenSpec
from lakehouse.feeds.document import Feed
from lakehouse.pulls.pull import pull_source

_GROUP = "sources"


def source_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """An asset for each source that is pulled, and for each declaration with errors."""
    return [
        *(_pulled(platform, feed) for feed in platform.feeds.values() if feed.pulled),
        *(_broken(one) for one in platform.broken_feeds),
    ]


def _pulled(platform: Platform, feed: Feed) -> dg.AssetsDefinition:
    kind = feed.origin.kind

    @dg.asset(
        key=source_key(feed.name),
        group_name=_GROUP,
        kinds={"api" if kind in ("http", "url") else kind},
        description=f"{feed.description or feed.name}\n\nLands files under `{feed.name}/`, which"
        f" become rows of `raw.{feed.table}`.",
    )
    def pulled(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        record = pull_source(platform.pull_context, feed, platform.sources[feed.table])
        context.log.info(f"{record.request}: {record.status}, {record.bytes:,} bytes")
        metadata: dict[str, str | int | None] = {
            "status": record.status,
            "request": record.request,
            "files": record.files,
            "bytes": record.bytes,
            "rows": record.rows,
            "cursor": record.cursor,
        }
        known = {name: value for name, value in metadata.items() if value is not None}
        return dg.MaterializeResult(metadata=known)

    return pulled


def _broken(declaration: BrokenSpec) -> dg.AssetsDefinition:
    text = "\n".join(error.render() for error in declaration.errors)

    @dg.asset(
        key=source_key(declaration.name),
        group_name=_GROUP,
        kinds={"yaml"},
        description="**This declaration is broken; its files wait, the other sources run.**"
        f"\n\n```\n{text}\n```",
        metadata={"file": declaration.file},
    )
    def broken() -> None:
        raise dg.Failure(description=text, allow_retries=False)

    return broken

"""Assets of the way from landed file to raw table, and what is known of each source."""

from datetime import timedelta

import dagster as dg

from dagster_project.platform import Platform
from lakehouse.accounting import account
from lakehouse.landing.files import list_sources
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.landing.raw_table import raw_table as name_of_raw_table
from lakehouse.profiles import profile_source
from lakehouse.sources import Source

_GROUP = "landing"


def raw_table_assets(
    platform: Platform, source: Source, outcomes_key: dg.AssetKey | None
) -> list[dg.AssetsDefinition]:
    """The assets of one raw table.

    Args:
        platform: The platform.
        source: As declared in dbt.
        outcomes_key: The dbt model that says what became of each row; None where a source has
            none, and then nothing is accounted beyond the raw table.
    """
    assets = [_raw_table(platform, source), _profile(platform, source)]
    if outcomes_key is not None:
        assets.append(_row_accounting(platform, source, outcomes_key))
    return assets


def source_key(feed: str) -> dg.AssetKey:
    """The asset key of a declared source: of what a pull lands, or of its errors."""
    return dg.AssetKey(["sources", feed])


def raw_key(source: str) -> dg.AssetKey:
    """The asset key of a source's raw table: the same as dbt's source, so that dbt hangs behind."""
    return dg.AssetKey(["raw", source])


def accounting_key(source: str) -> dg.AssetKey:
    """The asset key of a source's row accounting."""
    return dg.AssetKey(["ops", f"row_accounting_{source}"])


def profile_key(source: str) -> dg.AssetKey:
    """The asset key of a source's profile."""
    return dg.AssetKey(["monitoring", f"profile_{source}"])


def _raw_table(platform: Platform, source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=raw_key(source.name),
        deps=[source_key(feed.name) for feed in source.by_folder.values() if feed.pulled],
        group_name=_GROUP,
        kinds={"ducklake", "s3" if platform.settings.landing_path.startswith("s3://") else "file"},
        description="Every line of every file landed under "
        + " and ".join(f"`{folder}/`" for folder in source.by_folder)
        + ", as text.",
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(days=45), warn_window=timedelta(days=32)
        ),
        check_specs=[
            dg.AssetCheckSpec(
                "files_accounted_for",
                asset=raw_key(source.name),
                blocking=True,
                description="For each file: lines = raw + rejected.",
            ),
            dg.AssetCheckSpec(
                "files_readable",
                asset=raw_key(source.name),
                description="No file had to be rejected as a whole.",
            ),
        ],
    )
    def raw_table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        lake = platform.lake()
        settings = platform.settings
        landed = list_sources(settings.landing_path, [source], settings.s3_access)
        results = ingest_files(
            lake,
            source,
            pending_files(lake, landed),
            landing=settings.landing_path,
            on_progress=context.log.info,
        )
        unbalanced = lake.rows(
            "select file, lines, loaded, rejected from lake.ops.file_ledger"
            " where source = ? and superseded_by is null and lines <> loaded + rejected limit 5",
            [source.name],
        )
        refused = [result for result in results if result.status == "rejected"]
        rows = lake.rows(f"select count(*) from {name_of_raw_table(source)}")[0][0]  # noqa: S608 - quoted
        return dg.MaterializeResult(
            metadata={
                "files": len(results),
                "lines": sum(result.lines for result in results),
                "loaded": sum(result.loaded for result in results),
                "rejected": sum(result.rejected for result in results),
                "dagster/row_count": rows,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="files_accounted_for",
                    passed=not unbalanced,
                    description=str(unbalanced) if unbalanced else "All files add up.",
                ),
                dg.AssetCheckResult(
                    check_name="files_readable",
                    passed=not refused,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(f"{r.file.key}: {r.reason}" for r in refused[:10])
                    or "All files could be read.",
                ),
            ],
        )

    return raw_table


def _profile(platform: Platform, source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=profile_key(source.name),
        deps=[raw_key(source.name)],
        group_name=_GROUP,
        kinds={"table"},
        description="Nulls, ranges, lengths, top values and completeness of each raw column.",
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=profile_key(source.name),
                description="Each column reaches its completeness threshold.",
            )
        ],
    )
    def profile(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        lake = platform.lake()
        profile_source(lake, source)
        rows = lake.rows(
            "select column_name, null_share, completeness, completeness_threshold, complete,"
            " distinct_count, format_mismatches from lake.monitoring.profiles where source = ?"
            " and load_id = (select max(load_id) from lake.monitoring.profiles where source = ?)",
            [source.name, source.name],
        )
        lines = [
            "| column | nulls | needed | distinct | format mismatches |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {nulls or 0:.1%} | {1 - (needed or 0):.0%} at most | {distinct}"
            f" | {'' if mismatches is None else mismatches} |"
            for name, nulls, _, needed, _, distinct, mismatches in rows
        ]
        incomplete = [str(row[0]) for row in rows if row[4] is False]
        context.log.info(f"{source.name}: {len(rows)} columns profiled")
        return dg.MaterializeResult(
            metadata={"profile": dg.MetadataValue.md("\n".join(lines))},
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete",
                    passed=not incomplete,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"Below their threshold: {', '.join(incomplete)}."
                    if incomplete
                    else "All columns reach their threshold.",
                )
            ],
        )

    return profile


def _row_accounting(
    platform: Platform, source: Source, outcomes_key: dg.AssetKey
) -> dg.AssetsDefinition:
    key = accounting_key(source.name)

    @dg.asset(
        key=key,
        deps=[raw_key(source.name), outcomes_key],
        group_name="operations",
        kinds={"table"},
        description="Where every line went: clean, quarantined, duplicate or rejected.",
        check_specs=[
            dg.AssetCheckSpec(
                "balanced",
                asset=key,
                blocking=True,
                description="lines = raw + rejected, raw = clean + quarantined + duplicate.",
            )
        ],
    )
    def row_accounting(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        accounting = account(platform.lake(), source)
        context.log.info(f"{source.name}: {accounting.explanation}")
        counts = {
            name: getattr(accounting, name)
            for name in ("lines", "raw", "rejected", "clean", "quarantined", "duplicate")
        }
        return dg.MaterializeResult(
            metadata=counts,
            check_results=[
                dg.AssetCheckResult(
                    check_name="balanced",
                    passed=accounting.balanced,
                    description=accounting.explanation,
                    metadata=counts,
                )
            ],
        )

    return row_accounting

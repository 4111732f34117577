"""Tables that grow stale become alerts: once when they do, not every time somebody looks."""

import json
from collections.abc import Mapping

import dagster as dg

from ml_assets.assets.keys import ExtractionKeys, ModelKeys
from sensors.alerts import Alert, send
from sensors.context import SensorContext

_SECONDS = 60
_STALE = {"WARN": "WARN", "FAIL": "ERROR"}


def newly_stale(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Tables whose freshness is worse than at the last look, with the state they are in.

    Args:
        before: Freshness state by table at the last look: PASS, WARN, FAIL or UNKNOWN.
        now: The same as it is now.

    >>> newly_stale({"raw/reviews": "PASS"}, {"raw/reviews": "WARN", "ml/scores": "PASS"})
    {'raw/reviews': 'WARN'}
    """
    order = list(_STALE)
    rank = {state: order.index(state) + 1 for state in order}
    return {
        table: state
        for table, state in now.items()
        if rank.get(state, 0) > rank.get(before.get(table, ""), 0)
    }


def freshness_sensor(platform: SensorContext) -> dg.SensorDefinition:
    """Alerts on raw, feature and score tables whose freshness policy is no longer met."""
    tables = {spec.table for spec in platform.specs.values()}
    tables |= {spec.table for spec in platform.extractions.values()}
    keys = [
        *(dg.AssetKey(["raw", source]) for source in platform.sources),
        *(dg.AssetKey(["marts", table]) for table in sorted(tables)),
        *(ModelKeys(name).scores for name in platform.specs),
        *(ExtractionKeys(name).extractions for name in platform.extractions),
    ]

    @dg.sensor(
        name="alert_on_stale_tables",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A table that is older than its freshness policy allows is told to the log"
        " and the webhook.",
    )
    def alert_on_stale_tables(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult:
        records = context.instance.get_freshness_state_records(keys)
        now = {
            key.to_user_string(): record.freshness_state.value for key, record in records.items()
        }
        stale = newly_stale(json.loads(context.cursor or "{}"), now)
        for table, state in stale.items():
            message = f"{table} is older than its freshness policy allows."
            send(Alert("stale", table, _STALE[state], message, run_id=""), platform.webhook)
        return dg.SensorResult(
            skip_reason=f"{len(stale)} of {len(now)} tables have become stale.",
            cursor=json.dumps(now),
        )

    return alert_on_stale_tables

"""Proof that a written training set does not leak, read back from its file."""

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.spec.document import ModelSpec
from ml_assets.training_set import GROUP, ROLE, TrainingSet, read_training_set


def leakage(lake: Lake, training_set: TrainingSet, spec: ModelSpec) -> str | None:
    """What leaks, in words; None if nothing does.

    Looks at the file as written: near-duplicate groups and times on both sides of the split,
    training rows whose label was not known at the cutoff, and keys that stand twice.
    """
    import duckdb

    rows = read_training_set(lake, training_set.path)
    role, group, key = quoted(ROLE), quoted(GROUP), quoted(spec.entity_key)
    event_time = quoted(spec.event_time)
    with duckdb.connect() as engine:
        engine.register("rows", rows)
        found = engine.execute(
            f"""select
                (select count(*) from (select {group} from rows where {role} in ('train', 'holdout')
                    group by {group} having count(distinct {role}) > 1)),
                (select count(*) from rows where {role} = 'holdout' and {event_time} <=
                    (select max({event_time}) from rows where {role} = 'train')),
                (select count(*) from (select {key} from rows group by {key} having count(*) > 1)),
                (select count(*) from rows where {role} = 'train' and (
                    {event_time} + to_days($delay) > $cutoff
                    or {event_time} >= (select min(near.{event_time}) from (
                        select distinct {event_time} from rows where {event_time} < $cutoff
                        order by {event_time} desc limit $horizon) as near)))
            """,  # noqa: S608 - quoted column names
            {
                "cutoff": training_set.cutoff,
                "delay": spec.label.delay_days,
                "horizon": 0 if spec.forecast is None else spec.forecast.horizon,
            },
        ).fetchone()
    groups, early, doubled, unknown = found or (0, 0, 0, 0)
    problems = []
    if groups:
        problems.append(f"{groups} groups of near-duplicates are on both sides")
    if early and spec.split.by == "time":
        problems.append(f"{early} hold-out rows are not later than all training rows")
    if doubled:
        problems.append(f"{doubled} values of {spec.entity_key} stand more than once")
    if unknown:
        problems.append(f"{unknown} training rows have labels that were not known at the cutoff")
    return "; ".join(problems) or None

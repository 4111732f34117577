{{ config(materialized='table') }}

with

outcomes as (

    select * from {{ ref('int_series_observations_outcomes') }}

),

observations as (

    select * from {{ ref('stg_series_observations') }}

),

series as (

    select * from {{ ref('int_series') }}

),

-- Duplicates too: a value that comes back after another one is a version again.
values_given as (

    select
        observations.series,
        observations.observed_on,
        observations.observed_value,
        observations._loaded_at,
        observations._load_id,
        observations._line,
        lag(observations.observed_value) over (
            partition by observations.series, observations.observed_on
            order by observations._load_id, observations._line
        ) as value_before
    from observations
    inner join outcomes
        on
            observations.observation_id = outcomes.observation_id
            and observations._load_id = outcomes._load_id
    where
        outcomes.outcome != 'quarantined'
        and observations.observed_value is not null

),

versions as (

    select
        *,
        row_number() over given as version_number,
        row_number() over (
            partition by series, observed_on order by _load_id desc, _line desc
        ) = 1 as is_current
    from values_given
    where observed_value is distinct from value_before
    window given as (partition by series, observed_on order by _load_id, _line)

),

published as (

    select
        versions.*,
        series.series_name,
        case series.published
            when 'same_day' then versions.observed_on
            when 'next_day' then versions.observed_on + 1
            when 'following_tuesday'
                then cast(date_trunc('week', versions.observed_on) as date) + 8
            when 'tenth_of_next_month'
                then
                    cast(
                        date_trunc('month', versions.observed_on)
                        + interval 1 month as date
                    ) + 9
            when 'udi'
                then
                    case
                        when day(versions.observed_on) > 25
                            then
                                cast(
                                    date_trunc('month', versions.observed_on) as date
                                ) + 24
                        when day(versions.observed_on) > 10
                            then
                                cast(
                                    date_trunc('month', versions.observed_on) as date
                                ) + 9
                        else
                            cast(
                                date_trunc('month', versions.observed_on)
                                - interval 1 month as date
                            ) + 24
                    end
        end as published_on,
        series.published_after,
        series.time_zone
    from versions
    left join series on versions.series = series.series

),

known as (

    select
        series,
        series_name,
        observed_on,
        version_number,
        is_current,
        observed_value,
        case
            when version_number = 1
                then
                    coalesce(
                        timezone(time_zone, published_on + published_after), _loaded_at
                    )
            -- When a revision came out is not written anywhere: it was seen by then.
            else _loaded_at
        end as known_at,
        _load_id,
        _line
    from published

)

select * from known

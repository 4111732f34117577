{{ config(materialized='table') }}

with

windows as (

    select * from {{ ref('int_fix_windows') }}

),

versions as (

    select * from {{ ref('int_series_versions') }}

),

days as (

    select * from {{ ref('int_business_days') }}
    where is_mexico

),

-- The label: what the rate is taken to be today, however often it was revised.
rates_later as (

    select
        days.mexico_day,
        lead(versions.observed_value, 1) over by_day as fix_1d,
        lead(versions.observed_value, 5) over by_day as fix_5d,
        lead(versions.observed_value, 21) over by_day as fix_21d,
        days.calendar_date - lag(days.calendar_date) over by_day as days_since_last
    from days
    inner join versions
        on
            days.calendar_date = versions.observed_on
            and versions.series_name = 'fix'
            and versions.is_current
    window by_day as (order by days.mexico_day)

),

-- What the newest value of each series was from when on: a revision of an older day
-- is news, but not of the newest value.
newest_values as (

    select
        series_name,
        known_at,
        observed_on,
        observed_value
    from versions
    qualify
        observed_on >= max(observed_on)
            over (
                partition by series_name
                order by known_at, observed_on, version_number
                rows between unbounded preceding and current row
            )
        and row_number() over (
            partition by series_name, known_at
            order by observed_on desc, version_number desc
        ) = 1

),

tiie as (

    select * from newest_values
    where series_name = 'tiie'

),

inflation as (

    select * from newest_values
    where series_name = 'inflation'

),

h10 as (

    select * from newest_values
    where series_name = 'dexmxus'

),

udi as (

    select * from versions
    where series_name = 'udi'

),

fix as (

    select * from versions
    where series_name = 'fix'

),

-- As of the moment at which the day's rate was known, never by the day of observation.
-- A value that is too old is no value.
joined as (

    select
        windows.*,
        case
            when windows.calendar_date - tiie.observed_on <= 14
                then tiie.observed_value
        end as tiie,
        tiie.known_at as tiie_known_at,
        case
            when windows.calendar_date - inflation.observed_on <= 80
                then inflation.observed_value
        end as inflation,
        inflation.known_at as inflation_known_at,
        h10.observed_on as h10_date,
        h10.known_at as h10_known_at,
        case
            when windows.calendar_date - h10.observed_on <= 14
                then h10.observed_value
        end as h10_rate,
        windows.calendar_date - 30 as month_before
    from windows
    asof left join tiie on windows.as_of >= tiie.known_at
    asof left join inflation on windows.as_of >= inflation.known_at
    asof left join h10 on windows.as_of >= h10.known_at

),

with_pairs as (

    select
        joined.*,
        udi.observed_value as udi,
        udi.known_at as udi_known_at,
        udi_before.observed_value as udi_before,
        fix_then.observed_value as fix_of_h10_date
    from joined
    asof left join udi
        on joined.calendar_date = udi.observed_on and joined.as_of >= udi.known_at
    asof left join udi as udi_before
        on
            joined.month_before = udi_before.observed_on
            and joined.as_of >= udi_before.known_at
    asof left join fix as fix_then
        on
            joined.h10_date = fix_then.observed_on
            and joined.as_of >= fix_then.known_at

),

features as (

    select
        strftime(with_pairs.calendar_date, '%Y-%m-%d') as fix_day,
        with_pairs.calendar_date as fix_date,
        with_pairs.as_of as known_at,
        with_pairs.fix,
        rates_later.fix_1d,
        rates_later.fix_5d,
        rates_later.fix_21d,
        with_pairs.return_lag_0,
        with_pairs.return_lag_1,
        with_pairs.return_lag_2,
        with_pairs.return_lag_3,
        with_pairs.return_lag_4,
        with_pairs.return_5,
        with_pairs.return_21,
        with_pairs.return_63,
        with_pairs.distance_to_mean_5,
        with_pairs.distance_to_mean_21,
        with_pairs.distance_to_mean_63,
        with_pairs.volatility_5,
        with_pairs.volatility_21,
        with_pairs.volatility_63,
        with_pairs.fix * with_pairs.volatility_63 as usual_move,
        with_pairs.tiie,
        with_pairs.tiie
        - lag(with_pairs.tiie, 5) over (order by with_pairs.mexico_day)
            as tiie_change_5,
        with_pairs.tiie
        - lag(with_pairs.tiie, 21) over (order by with_pairs.mexico_day)
            as tiie_change_21,
        ln(with_pairs.udi / with_pairs.udi_before) as udi_growth_30,
        with_pairs.inflation,
        ln(with_pairs.h10_rate / with_pairs.fix_of_h10_date) as h10_gap,
        cast(isodow(with_pairs.calendar_date) as smallint) as day_of_week,
        cast(rates_later.days_since_last as integer) as days_since_last,
        greatest(
            with_pairs.rates_known_at,
            with_pairs.tiie_known_at,
            with_pairs.inflation_known_at,
            with_pairs.h10_known_at,
            with_pairs.udi_known_at
        ) as features_known_at
    from with_pairs
    inner join rates_later on with_pairs.mexico_day = rates_later.mexico_day

)

select * from features

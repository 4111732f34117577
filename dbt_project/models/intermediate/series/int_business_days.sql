{{ config(materialized='table') }}

with

rates as (

    select * from {{ ref('int_series_versions') }}

),

fix_days as (

    select
        observed_on,
        min(known_at) as known_at
    from rates
    where series_name = 'fix'
    group by observed_on

),

h10_days as (

    select distinct observed_on from rates
    where series_name = 'dexmxus'

),

h10_range as (

    select
        min(observed_on) as first_day,
        max(observed_on) as last_day
    from h10_days

),

weekdays as (

    select
        cast(unnest(range(
            cast(min(observed_on) as timestamp),
            cast(max(observed_on) + 1 as timestamp),
            interval 1 day
        )) as date) as calendar_date
    from fix_days

),

days as (

    select
        weekdays.calendar_date,
        fix_days.observed_on is not null as is_mexico,
        case
            when
                weekdays.calendar_date >= h10_range.first_day
                and weekdays.calendar_date <= h10_range.last_day
                then h10_days.observed_on is not null
        end as is_united_states,
        case
            when fix_days.observed_on is not null
                then
                    row_number() over (
                        partition by fix_days.observed_on is not null
                        order by weekdays.calendar_date
                    )
        end as mexico_day,
        fix_days.known_at
    from weekdays
    left join fix_days on weekdays.calendar_date = fix_days.observed_on
    left join h10_days on weekdays.calendar_date = h10_days.observed_on
    cross join h10_range
    where isodow(weekdays.calendar_date) <= 5 or fix_days.observed_on is not null

)

select * from days

{{ config(materialized='table') }}

{#- Returns over the last `window` days need one rate more. -#}
{% set longest = 63 %}

with

days as (

    select * from {{ ref('int_business_days') }}
    where is_mexico

),

rates as (

    select * from {{ ref('int_series_versions') }}
    where series_name = 'fix'

),

looked_back as (

    select
        mexico_day,
        calendar_date,
        known_at as as_of,
        unnest(range({{ longest + 1 }})) as days_back
    from days

),

-- Each rate as it was known on the day that looks back, not as it is known today.
known as (

    select
        looked_back.mexico_day,
        looked_back.calendar_date,
        looked_back.as_of,
        looked_back.days_back,
        rates.observed_value as rate,
        rates.known_at as rate_known_at
    from looked_back
    inner join days as past
        on looked_back.mexico_day - looked_back.days_back = past.mexico_day
    asof inner join rates
        on
            past.calendar_date = rates.observed_on
            and looked_back.as_of >= rates.known_at

),

returns as (

    select
        *,
        ln(rate / lead(rate) over (partition by mexico_day order by days_back))
            as log_return
    from known

),

windows as (

    select
        mexico_day,
        calendar_date,
        as_of,
        max(rate_known_at) as rates_known_at,
        max(rate) filter (where days_back = 0) as fix,
        {% for lag in range(5) -%}
            max(log_return) filter (where days_back = {{ lag }})
                as return_lag_{{ lag }},
        {% endfor -%}
        {% for window in [5, 21, 63] -%}
            ln(
                max(rate) filter (where days_back = 0)
                / max(rate) filter (where days_back = {{ window }})
            ) as return_{{ window }},
            case
                when count(*) filter (where days_back < {{ window }}) = {{ window }}
                    then
                        ln(
                            max(rate) filter (where days_back = 0)
                            / avg(rate) filter (where days_back < {{ window }})
                        )
            end as distance_to_mean_{{ window }},
            case
                when
                    count(log_return) filter (where days_back < {{ window }})
                    = {{ window }}
                    then stddev_samp(log_return) filter (where days_back < {{ window }})
            end as volatility_{{ window }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from returns
    group by mexico_day, calendar_date, as_of

)

select * from windows

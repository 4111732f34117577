with

clean_periods as (

    select distinct period_start_at from {{ ref('int_electricity_outcomes') }}
    where outcome = 'clean'

),

featured as (

    select period_start_at from {{ ref('electricity_features') }}

)

select
    clean_periods.period_start_at as clean_period,
    featured.period_start_at as featured_period
from clean_periods
full outer join featured
    on clean_periods.period_start_at = featured.period_start_at
where clean_periods.period_start_at is null or featured.period_start_at is null

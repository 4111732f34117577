-- raw = clean + quarantined + duplicate, file by file.
with

staged as (

    select
        _load_id,
        count(*) as observations
    from {{ ref('stg_series_observations') }}
    group by _load_id

),

assessed as (

    select
        _load_id,
        count(*) as observations
    from {{ ref('int_series_observations_outcomes') }}
    group by _load_id

)

select
    _load_id,
    staged.observations as staged,
    assessed.observations as assessed
from staged
full outer join assessed using (_load_id)
where staged.observations is distinct from assessed.observations

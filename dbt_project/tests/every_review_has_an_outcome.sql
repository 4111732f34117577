-- raw = clean + quarantined + duplicate, file by file.
with

staged as (

    select
        _load_id,
        count(*) as reviews
    from {{ ref('stg_reviews') }}
    group by _load_id

),

assessed as (

    select
        _load_id,
        count(*) as reviews
    from {{ ref('int_reviews_outcomes') }}
    group by _load_id

)

select
    _load_id,
    staged.reviews as staged,
    assessed.reviews as assessed
from staged
full outer join assessed using (_load_id)
where staged.reviews is distinct from assessed.reviews

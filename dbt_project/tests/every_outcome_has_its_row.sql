-- Clean reviews are features, quarantined ones are in the quarantine, file by file.
with

assessed as (

    select
        _load_id,
        count(*) filter (outcome = 'clean') as clean,
        count(*) filter (outcome = 'quarantined') as quarantined
    from {{ ref('int_reviews_outcomes') }}
    group by _load_id

),

featured as (

    select
        _load_id,
        count(*) as reviews
    from {{ ref('review_features') }}
    group by _load_id

),

quarantined as (

    select
        _load_id,
        count(*) as reviews
    from {{ ref('int_reviews_quarantined') }}
    group by _load_id

)

select
    _load_id,
    assessed.clean,
    featured.reviews as featured,
    assessed.quarantined,
    quarantined.reviews as in_quarantine
from assessed
full outer join featured using (_load_id)
full outer join quarantined using (_load_id)
where
    coalesce(assessed.clean, 0) != coalesce(featured.reviews, 0)
    or coalesce(assessed.quarantined, 0) != coalesce(quarantined.reviews, 0)

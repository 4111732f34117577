with

outcomes as (

    select * from {{ ref('int_reviews_outcomes') }}

)

select
    duplicates.review_id,
    duplicates.duplicate_of
from outcomes as duplicates
left join outcomes as kept
    on
        duplicates.duplicate_of = kept.review_id
        and duplicates.review_key = kept.review_key
        and kept.outcome = 'clean'
where duplicates.outcome = 'duplicate' and kept.review_id is null

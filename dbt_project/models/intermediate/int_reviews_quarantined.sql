{{ config(unique_key='review_id') }}

with

quarantined as (

    select * from {{ ref('int_reviews_outcomes') }}
    where
        outcome = 'quarantined'
        {% if is_incremental() %}
            and _load_id > {{ newest('_load_id') }}
        {% endif %}

),

reviews as (

    select * from {{ ref('stg_reviews') }}

),

quarantined_reviews as (

    select
        quarantined.review_id,
        quarantined.rule,
        quarantined.rules,
        reviews.rating_raw,
        reviews.timestamp_raw,
        reviews.title,
        reviews.text,
        reviews.asin,
        reviews.parent_asin,
        reviews.user_id,
        reviews.helpful_vote_raw,
        reviews.verified_purchase_raw,
        quarantined._file,
        quarantined._line,
        reviews._loaded_at,
        quarantined._load_id
    from quarantined
    inner join reviews
        on
            quarantined.review_id = reviews.review_id
            and quarantined._load_id = reviews._load_id

)

select * from quarantined_reviews

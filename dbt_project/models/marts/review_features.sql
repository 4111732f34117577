with

clean_outcomes as (

    select * from {{ ref('int_reviews_outcomes') }}
    where
        outcome = 'clean'
        {% if is_incremental() %}
            -- Not by load: a review can become clean long after it was loaded.
            and _assessed_snapshot_id > {{ newest('_assessed_snapshot_id') }}
        {% endif %}

),

reviews as (

    select * from {{ ref('stg_reviews') }}

),

clean_reviews as (

    select
        reviews.*,
        clean_outcomes._assessed_snapshot_id
    from clean_outcomes
    inner join reviews
        on
            clean_outcomes.review_id = reviews.review_id
            and clean_outcomes._load_id = reviews._load_id

),

features as (

    select
        review_id,
        review_at,
        cast(rating as smallint) as rating,
        language,
        title,
        text,
        asin,
        parent_asin,
        user_id,
        verified_purchase,
        helpful_vote,
        image_count,
        title is not null as has_title,
        cast(coalesce(len(string_split_regex(title, '\s+')), 0) as integer) as title_words,
        cast(len(string_split_regex(text, '\s+')) as integer) as text_words,
        cast(length(text) as integer) as text_characters,
        cast(length(text) - length(replace(text, '!', '')) as integer) as exclamation_marks,
        cast(length(text) - length(replace(text, '?', '')) as integer) as question_marks,
        length(regexp_replace(text, '\P{Lu}+', '', 'g'))
        / nullif(length(regexp_replace(text, '\P{L}+', '', 'g')), 0) as uppercase_share,
        length(regexp_replace(text, '\P{Nd}+', '', 'g')) / length(text) as digit_share,
        cast(month(review_at) as smallint) as review_month,
        _file,
        _load_id,
        _assessed_snapshot_id
    from clean_reviews

)

select * from features

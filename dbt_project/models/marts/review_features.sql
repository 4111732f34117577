{{ config(unique_key='review_id') }}

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

-- Materialized, or the engine would count anew for every column.
clean_reviews as materialized (

    select
        reviews.*,
        text_statistics(reviews.title) as title_counts,
        text_statistics(reviews.text) as text_counts,
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
        coalesce(title_counts['words'], 0) as title_words,
        text_counts['words'] as text_words,
        text_counts['characters'] as text_characters,
        text_counts['exclamation_marks'] as exclamation_marks,
        text_counts['question_marks'] as question_marks,
        text_counts['uppercase_letters']
        / nullif(text_counts['letters'], 0) as uppercase_share,
        text_counts['digits'] / text_counts['characters'] as digit_share,
        cast(month(review_at) as smallint) as review_month,
        split_part(_file, '/', 1) as source_name,
        _file,
        _load_id,
        _assessed_snapshot_id
    from clean_reviews

)

select * from features

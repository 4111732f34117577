{{
    config(
        incremental_strategy='delete+insert',
        unique_key='review_id',
        tags=['after_scoring'],
        pre_hook="{{ remove_rows_gone_from(ref('review_features')) }}",
    )
}}

with

reviews as (

    select * from {{ ref('review_features') }}

),

scores as (

    select * from {{ source('ml', 'scores_reviews_rating') }}

),

promotions as (

    select * from {{ source('ops', 'promotions') }}

),

champion as (

    select max_by(to_version, decided_at) as model_version from promotions
    where model = 'reviews_rating' and alias = 'champion' and promoted

),

-- The champion's score where there is one, else that of the newest version.
current_scores as (

    select scores.* from scores
    cross join champion
    qualify
        row_number() over (
            partition by scores.entity_key
            order by
                coalesce(scores.model_version = champion.model_version, false) desc,
                scores.model_version desc,
                scores.scored_at desc
        ) = 1

),

{% if is_incremental() %}

    changed_scores as (

        select current_scores.* from current_scores
        left join {{ this }} as known
            on
                current_scores.entity_key = known.review_id
                and current_scores.model_version = known.model_version
                and current_scores.scored_at = known.scored_at
        where known.review_id is null

    ),

{% endif %}

scored_reviews as (

    select
        reviews.review_id,
        reviews.review_at,
        reviews.rating,
        reviews.language,
        reviews.title,
        reviews.text,
        reviews.asin,
        reviews.parent_asin,
        reviews.user_id,
        reviews.verified_purchase,
        reviews.helpful_vote,
        try_cast(scores.prediction as smallint) as predicted_rating,
        scores.prediction_value as expected_rating,
        scores.confidence,
        scores.model_version,
        scores.scored_at,
        reviews._load_id
    from reviews
    inner join
        {% if is_incremental() %} changed_scores {% else %} current_scores {% endif %}
            as scores
        on reviews.review_id = scores.entity_key

)

select * from scored_reviews

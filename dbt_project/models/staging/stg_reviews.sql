{{ config(unique_key='review_id') }}

with

raw_reviews as (

    select
        *,
        nullif(trim(rating), '') as rating_raw,
        nullif(trim(timestamp), '') as timestamp_raw,
        nullif(trim(helpful_vote), '') as helpful_vote_raw,
        nullif(trim(verified_purchase), '') as verified_purchase_raw
    from {{ source('raw', 'reviews') }}
    {% if is_incremental() %}
        where _load_id > {{ newest('_load_id') }}
    {% endif %}

),

-- Materialized, or the engine would call the functions wherever a result is used.
cleaned as materialized (

    select
        *,
        clean_text(title) as clean_title,
        clean_text(text) as clean_text,
        try_cast(rating_raw as double) as rating_number,
        try_cast(timestamp_raw as bigint) as review_ms,
        try_cast(helpful_vote_raw as double) as helpful_vote_number
    from raw_reviews

),

reviews as (

    select
        md5(concat_ws('|', _load_id, _line, _file)) as review_id,
        -- Up to the year 9999.
        case
            when review_ms between 1 and 253402300799999
                then make_timestamptz(review_ms * 1000)
        end as review_at,
        case
            when rating_number = floor(rating_number)
                then try_cast(rating_number as integer)
        end as rating,
        nullif(clean_title, '') as title,
        nullif(clean_text, '') as text,
        detect_language(concat_ws(' ', clean_title, clean_text)) as language,
        nullif(trim(asin), '') as asin,
        nullif(trim(parent_asin), '') as parent_asin,
        nullif(trim(user_id), '') as user_id,
        try_cast(verified_purchase_raw as boolean) as verified_purchase,
        case
            when helpful_vote_number = floor(helpful_vote_number)
                then try_cast(helpful_vote_number as bigint)
        end as helpful_vote,
        case
            when json_valid(images) then cast(json_array_length(images) as integer)
        end as image_count,
        rating_raw,
        timestamp_raw,
        helpful_vote_raw,
        verified_purchase_raw,
        _file,
        _line,
        _loaded_at,
        _load_id
    from cleaned

)

select * from reviews

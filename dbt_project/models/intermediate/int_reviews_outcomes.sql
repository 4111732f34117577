with

reviews as (

    select * from {{ ref('stg_reviews') }}
    {% if is_incremental() %}
        where _load_id > {{ newest('_load_id') }}
    {% endif %}

),

checked as (

    select
        review_id,
        md5(
            to_json([
                user_id,
                coalesce(asin, parent_asin),
                cast(epoch_ms(review_at) as varchar),
                cast(rating as varchar),
                title,
                text,
            ])
        ) as review_key,
        review_at,
        list_filter(
            [
                case
                    when not coalesce(isfinite(try_cast(rating_raw as double)), false)
                        then 'rating_not_a_number'
                end,
                case
                    when
                        isfinite(try_cast(rating_raw as double))
                        and not coalesce(rating between 1 and 5, false)
                        then 'rating_out_of_range'
                end,
                case when review_at is null then 'timestamp_invalid' end,
                case
                    when review_at > _loaded_at + interval 1 day
                        then 'timestamp_in_future'
                end,
                case when text is null then 'text_missing' end,
                case when user_id is null then 'user_missing' end,
                case
                    when asin is null and parent_asin is null then 'product_missing'
                end,
                case
                    when
                        helpful_vote_raw is not null
                        and not coalesce(helpful_vote >= 0, false)
                        then 'helpful_vote_invalid'
                end,
                case
                    when verified_purchase_raw is not null and verified_purchase is null
                        then 'verified_purchase_invalid'
                end,
            ],
            lambda rule: rule is not null
        ) as rules,
        _file,
        _line,
        _load_id
    from reviews

),

{% if is_incremental() %}

    -- Whatever has the same key as a new row, or as a kept row whose file was replaced,
    -- is ranked anew. The time is part of the key; it is compared to skip files.
    touched as (

        select
            review_at,
            review_key
        from checked
        where rules = []

        union

        select
            review_at,
            review_key
        from {{ this }}
        where outcome = 'clean' and _load_id in ({{ superseded_loads() }})

    ),

    known as (

        select known.* from {{ this }} as known
        inner join touched
            on
                known.review_at = touched.review_at
                and known.review_key = touched.review_key
        where
            known.outcome != 'quarantined'
            and known._load_id not in ({{ superseded_loads() }})

    ),

{% endif %}

candidates as (

    select
        *,
        cast(null as varchar) as known_outcome,
        cast(null as varchar) as known_duplicate_of
    from checked

    {% if is_incremental() %}
        union all

        select
            review_id,
            review_key,
            review_at,
            rules,
            _file,
            _line,
            _load_id,
            outcome as known_outcome,
            duplicate_of as known_duplicate_of
        from known
    {% endif %}

),

ranked as (

    select
        *,
        first_value(review_id) over (
            partition by rules = [], review_key
            order by _load_id, _line
        ) as kept_review_id
    from candidates

),

assessed as (

    select
        *,
        case
            when rules != [] then 'quarantined'
            when review_id = kept_review_id then 'clean'
            else 'duplicate'
        end as outcome,
        case
            when rules = [] and review_id != kept_review_id then kept_review_id
        end as duplicate_of
    from ranked

),

outcomes as (

    select
        review_id,
        review_key,
        review_at,
        outcome,
        rules[1] as rule,
        rules,
        duplicate_of,
        _file,
        _line,
        _load_id,
        {{ current_snapshot() }} as _assessed_snapshot_id
    from assessed
    where
        known_outcome is null
        or outcome != known_outcome
        or duplicate_of is distinct from known_duplicate_of

)

select * from outcomes

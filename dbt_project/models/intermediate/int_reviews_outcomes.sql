{{ config(unique_key='review_id') }}

{{
    outcomes(
        staged=ref('stg_reviews'),
        key='review_id',
        time='review_at',
        row_key='review_key',
        identity=[
            'user_id',
            'coalesce(asin, parent_asin)',
            'cast(epoch_ms(review_at) as varchar)',
            'cast(rating as varchar)',
            'title',
            '"text"',
        ],
        rules={
            'rating_not_a_number': 'not coalesce(isfinite(try_cast(rating_raw as double)), false)',
            'rating_out_of_range': 'isfinite(try_cast(rating_raw as double))'
            ~ ' and not coalesce(rating between 1 and 5, false)',
            'timestamp_invalid': 'review_at is null',
            'timestamp_in_future': 'review_at > _loaded_at + interval 1 day',
            'text_missing': '"text" is null',
            'user_missing': 'user_id is null',
            'product_missing': 'asin is null and parent_asin is null',
            'helpful_vote_invalid': 'helpful_vote_raw is not null'
            ~ ' and not coalesce(helpful_vote >= 0, false)',
            'verified_purchase_invalid': 'verified_purchase_raw is not null'
            ~ ' and verified_purchase is null',
        },
    )
}}

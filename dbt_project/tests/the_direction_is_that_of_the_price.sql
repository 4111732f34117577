-- What the label means: the price against its mean over the 48 half-hours before. It is
-- a warning only, as the publisher's label is taken as it comes.
{{ config(severity='warn') }}

with

readings as (

    select
        readings.period_start_local,
        readings.direction,
        readings.nsw_price,
        avg(readings.nsw_price) over day_before as mean_before,
        count(*) over day_before as periods_before
    from {{ ref('electricity_features') }} as features
    inner join {{ ref('stg_electricity') }} as readings
        on features.reading_id = readings.reading_id
    window
        day_before as (
            order by readings.period_start_local
            range between interval 24 hours preceding
            and interval 30 minutes preceding
        )

)

select * from readings
where
    periods_before = 48
    and direction is not null
    -- Means of equal prices differ by rounding.
    and abs(nsw_price - mean_before) > 1e-9
    and (direction = 'up') != (nsw_price > mean_before)

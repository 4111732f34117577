{{ config(unique_key='reading_id') }}

with

raw_readings as (

    select
        _file,
        _line,
        _loaded_at,
        _load_id,
        nullif(trim(period_start), '') as period_start_raw,
        nullif(trim(nswprice), '') as nsw_price_raw,
        nullif(trim(nswdemand), '') as nsw_demand_raw,
        nullif(trim(vicprice), '') as vic_price_raw,
        nullif(trim(vicdemand), '') as vic_demand_raw,
        nullif(trim(transfer), '') as transfer_raw,
        nullif(trim(class), '') as class_raw
    from {{ source('raw', 'electricity') }}
    {% if is_incremental() %}
        where _load_id > {{ newest('_load_id') }}
    {% endif %}

),

cast_readings as (

    select
        *,
        try_strptime(period_start_raw, '%Y-%m-%d %H:%M:%S') as period_start_local,
        try_cast(nsw_price_raw as double) as nsw_price,
        try_cast(nsw_demand_raw as double) as nsw_demand,
        try_cast(vic_price_raw as double) as vic_price,
        try_cast(vic_demand_raw as double) as vic_demand,
        try_cast(transfer_raw as double) as transfer
    from raw_readings

),

readings as (

    select
        md5(concat_ws('|', _load_id, _line, _file)) as reading_id,
        -- Market time is ten hours ahead of UTC, in summer too.
        make_timestamptz(
            epoch_us(period_start_local - interval 10 hours)
        ) as period_start_at,
        period_start_local,
        nsw_price,
        nsw_demand,
        vic_price,
        vic_demand,
        transfer,
        case class_raw when '1' then 'up' when '0' then 'down' end as direction,
        period_start_raw,
        nsw_price_raw,
        nsw_demand_raw,
        vic_price_raw,
        vic_demand_raw,
        transfer_raw,
        class_raw,
        _file,
        _line,
        _loaded_at,
        _load_id
    from cast_readings

)

select * from readings

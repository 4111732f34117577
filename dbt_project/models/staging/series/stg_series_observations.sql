{{ config(unique_key='observation_id') }}

with

raw_observations as (

    select
        _file,
        _line,
        _loaded_at,
        _load_id,
        nullif(trim(series), '') as series,
        nullif(trim(date), '') as date_raw,
        nullif(trim(value), '') as value_raw
    from {{ source('raw', 'series_observations') }}
    {% if is_incremental() %}
        where _load_id > {{ newest('_load_id') }}
    {% endif %}

),

observations as (

    select
        md5(concat_ws('|', _load_id, _line, _file)) as observation_id,
        series,
        case
            when
                regexp_full_match(
                    date_raw, '\d{2}/\d{2}/\d{4}|\d{4}-\d{2}(-\d{2})?|\d{4}/\d{2}'
                )
                then cast(
                    try_strptime(
                        date_raw, ['%d/%m/%Y', '%Y-%m-%d', '%Y-%m', '%Y/%m']
                    ) as date
                )
        end as observed_on,
        case
            when
                regexp_full_match(
                    value_raw,
                    '[+-]?((\d{1,3}(,\d{3})+|\d+)(\.\d*)?|\.\d+)([eE][+-]?\d+)?'
                )
                then try_cast(replace(value_raw, ',', '') as double)
        end as observed_value,
        coalesce(upper(value_raw) in ('N/E', 'N/D', 'ND', 'NAN', '.'), true)
            as is_missing,
        date_raw,
        value_raw,
        _file,
        _line,
        _loaded_at,
        _load_id
    from raw_observations

)

select * from observations

{{ config(unique_key='reading_id') }}

{%- set numbers = ['nsw_price', 'nsw_demand', 'vic_price', 'vic_demand', 'transfer'] %}
{%- set rules = {
    'period_start_invalid': 'period_start_at is null'
    ~ ' or minute(period_start_local) not in (0, 30) or second(period_start_local) != 0',
    'period_in_future': 'period_start_at > _loaded_at + interval 1 day',
    'nsw_price_missing': 'nsw_price_raw is null',
    'class_invalid': 'class_raw is not null and direction is null',
} %}
{%- for number in numbers %}
    {%- do rules.update({
        number ~ '_invalid': number ~ '_raw is not null and not coalesce(isfinite('
        ~ number ~ ') and ' ~ number ~ ' >= 0, false)'
    }) %}
{%- endfor %}

{{
    outcomes(
        staged=ref('stg_electricity'),
        key='reading_id',
        time='period_start_at',
        row_key='reading_key',
        identity=[
            'cast(epoch_ms(period_start_at) as varchar)',
            'cast(nsw_price as varchar)',
            'cast(nsw_demand as varchar)',
            'cast(vic_price as varchar)',
            'cast(vic_demand as varchar)',
            'cast(transfer as varchar)',
            'direction',
        ],
        rules=rules,
    )
}}

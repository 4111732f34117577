{{ config(unique_key='reading_id') }}

{{
    quarantined(
        outcomes=ref('int_electricity_outcomes'),
        staged=ref('stg_electricity'),
        key='reading_id',
    )
}}

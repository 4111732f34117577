{{ config(unique_key='observation_id') }}

{{
    quarantined(
        outcomes=ref('int_series_observations_outcomes'),
        staged=ref('stg_series_observations'),
        key='observation_id',
    )
}}

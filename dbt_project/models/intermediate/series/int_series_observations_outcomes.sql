{{ config(unique_key='observation_id') }}

{{
    outcomes(
        staged=ref('stg_series_observations'),
        key='observation_id',
        time='observed_on',
        row_key='observation_key',
        identity=[
            'series',
            'cast(observed_on as varchar)',
            'cast(observed_value as varchar)',
        ],
        rules={
            'series_missing': 'series is null',
            'date_invalid': 'observed_on is null',
            'date_far_ahead': 'observed_on > cast(_loaded_at as date) + 62',
            'value_not_a_number': 'not is_missing and observed_value is null',
            'value_not_positive': 'observed_value <= 0 and series in ('
            ~ positive_series() ~ ')',
        },
    )
}}

-- Every value that a row's features are made of had come out by then.
select
    fix_day,
    known_at,
    features_known_at
from {{ ref('fx_features') }}
where features_known_at > known_at

{{ config(materialized='table') }}

with

series as (

    {% for entry in series_catalogue() -%}
        select
            '{{ entry.series }}' as series,
            '{{ entry.name }}' as series_name,
            '{{ entry.published }}' as published,
            interval '{{ entry.at_time }}' as published_after,
            '{{ entry.time_zone }}' as time_zone
        {% if not loop.last %} union all {% endif %}
    {% endfor %}

)

select * from series

{#-
    The series that features are made of, and when their values are known.

    `published` says which day a value comes out on, as seen from the day (or month)
    that it stands for; `at_time` the local time. Where a publisher is sometimes
    later than announced the rule takes the later day: a value used a day late costs
    little, one used a day early is a leak.

    - SF43718, FIX: determined at noon of each banking day, shown by Banco de Mexico
      from then on, in the Diario Oficial de la Federacion one banking day later.
    - SF43783, TIIE of 28 days: determined at about noon; known from the next day's
      Diario Oficial.
    - SP68257, UDI: the values of the 11th to the 25th come out by the 10th, those of
      the 26th to the next 10th by the 25th: ahead of their days.
    - SP30578, annual inflation: INEGI publishes a month on about the 9th of the next.
    - DEXMXUS, release H.10 of the Federal Reserve: a week comes out on the following
      Monday at 16:15, on Tuesday where that is a holiday.
-#}
{% macro series_catalogue() -%}
    {{
        return([
            {
                'series': 'SF43718', 'name': 'fix', 'positive': true,
                'published': 'same_day', 'at_time': '13:00',
                'time_zone': 'America/Mexico_City',
            },
            {
                'series': 'SF43783', 'name': 'tiie', 'positive': false,
                'published': 'next_day', 'at_time': '09:00',
                'time_zone': 'America/Mexico_City',
            },
            {
                'series': 'SP68257', 'name': 'udi', 'positive': true,
                'published': 'udi', 'at_time': '12:00',
                'time_zone': 'America/Mexico_City',
            },
            {
                'series': 'SP30578', 'name': 'inflation', 'positive': false,
                'published': 'tenth_of_next_month', 'at_time': '06:00',
                'time_zone': 'America/Mexico_City',
            },
            {
                'series': 'DEXMXUS', 'name': 'dexmxus', 'positive': true,
                'published': 'following_tuesday', 'at_time': '16:15',
                'time_zone': 'America/New_York',
            },
        ])
    }}
{%- endmacro %}

{#- The ids, quoted, of the series that are never zero or less. -#}
{% macro positive_series() -%}
    {%- for entry in series_catalogue() if entry.positive -%}
        '{{ entry.series }}'{% if not loop.last %}, {% endif %}
    {%- endfor -%}
{%- endmacro %}

{#-
    What becomes of each staged row: `int_<table>_outcomes` of a raw table.

    A row that breaks a rule is quarantined. Of the others, those with the same
    identity are the same: the one loaded first is clean, the rest are duplicates.
    Every staged row has one outcome, so that raw = clean + quarantined + duplicate.

    Args:
        staged: Relation with the rows, one per raw row: the key, `_file`, `_line`,
            `_load_id`, and whatever identity and rules name.
        key: Column that identifies a row of it; the dbt model's `unique_key`.
        identity: SQL expressions of type varchar; rows in which all are equal are the
            same.
        rules: Name of each rule and the SQL condition that a row breaks it by; the
            first that holds leads. A condition that is null does not hold.
        time: Column with the time of a row, part of the identity: known rows are
            looked for at the times of new ones only, which skips files. None if
            rows have no time.
        row_key: Name of the column with the hash of the identity.
-#}
{% macro outcomes(staged, key, identity, rules, time=none, row_key='row_key') -%}
    with

    staged as (

        select * from {{ staged }}
        {% if is_incremental() %}
            where _load_id > {{ newest('_load_id') }}
        {% endif %}

    ),

    checked as (

        select
            {{ key }},
            md5(to_json([{{ identity | join(', ') }}])) as {{ row_key }},
            {% if time %} {{ time }}, {% endif %}
            list_filter(
                [
                    {% for rule, broken in rules.items() -%}
                        case when {{ broken }} then '{{ rule }}' end,
                    {% endfor %}
                ],
                lambda rule: rule is not null
            ) as rules,
            _file,
            _line,
            _load_id
        from staged

    ),

    {% if is_incremental() %}

        -- Whatever has the same key as a new row, or as a kept row whose file was
        -- replaced, is ranked anew.
        touched as (

            select {% if time %} {{ time }}, {% endif %} {{ row_key }}
            from checked
            where rules = []

            union

            select {% if time %} {{ time }}, {% endif %} {{ row_key }}
            from {{ this }}
            where outcome = 'clean' and _load_id in ({{ superseded_loads() }})

        ),

        known as (

            select known.* from {{ this }} as known
            inner join touched
                on known.{{ row_key }} = touched.{{ row_key }}
                {% if time %} and known.{{ time }} = touched.{{ time }} {% endif %}
            where
                known.outcome != 'quarantined'
                and known._load_id not in ({{ superseded_loads() }})

        ),

    {% endif %}

    candidates as (

        select
            *,
            cast(null as varchar) as known_outcome,
            cast(null as varchar) as known_duplicate_of
        from checked

        {% if is_incremental() %}
            union all

            select
                {{ key }},
                {{ row_key }},
                {% if time %} {{ time }}, {% endif %}
                rules,
                _file,
                _line,
                _load_id,
                outcome as known_outcome,
                duplicate_of as known_duplicate_of
            from known
        {% endif %}

    ),

    ranked as (

        select
            *,
            first_value({{ key }}) over (
                partition by rules = [], {{ row_key }}
                order by _load_id, _line
            ) as kept
        from candidates

    ),

    assessed as (

        select
            *,
            case
                when rules != [] then 'quarantined'
                when {{ key }} = kept then 'clean'
                else 'duplicate'
            end as outcome,
            case when rules = [] and {{ key }} != kept then kept end as duplicate_of
        from ranked

    )

    select
        {{ key }},
        {{ row_key }},
        {% if time %} {{ time }}, {% endif %}
        outcome,
        rules[1] as rule,
        rules,
        duplicate_of,
        _file,
        _line,
        _load_id,
        {{ current_snapshot() }} as _assessed_snapshot_id
    from assessed
    where
        known_outcome is null
        or outcome != known_outcome
        or duplicate_of is distinct from known_duplicate_of
{%- endmacro %}

{#-
    The quarantined rows of a raw table, with their reasons and what they came with.

    Args:
        outcomes, staged: Relations of the outcomes and of the staged rows.
        key: Column that identifies a row of both.
-#}
{% macro quarantined(outcomes, staged, key) -%}
    with

    quarantined as (

        select * from {{ outcomes }}
        where
            outcome = 'quarantined'
            {% if is_incremental() %}
                and _load_id > {{ newest('_load_id') }}
            {% endif %}

    )

    select
        quarantined.rule,
        quarantined.rules,
        staged.*
    from quarantined
    inner join {{ staged }} as staged
        on
            quarantined.{{ key }} = staged.{{ key }}
            and quarantined._load_id = staged._load_id
{%- endmacro %}

{#-
    The clean rows of a raw table that are new to the present dbt model: not by load,
    for a row can become clean long after it was loaded.

    Args: as for `quarantined`.
-#}
{% macro clean_rows(outcomes, staged, key) -%}
    select
        staged.*,
        outcomes._assessed_snapshot_id
    from {{ outcomes }} as outcomes
    inner join {{ staged }} as staged
        on
            outcomes.{{ key }} = staged.{{ key }}
            and outcomes._load_id = staged._load_id
    where
        outcomes.outcome = 'clean'
        {% if is_incremental() %}
            and outcomes._assessed_snapshot_id > {{ newest('_assessed_snapshot_id') }}
        {% endif %}
{%- endmacro %}

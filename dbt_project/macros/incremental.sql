{#-
    How the incremental models stay exact.

    Landing gives every version of a file a load id, larger than all before. When a
    changed file is loaded, the raw rows of its former version go, and that version's
    row in the ledger names its successor in `superseded_by`. An incremental model
    - takes the rows of loads that it has not seen (`newest`),
    - removes its rows of superseded loads, and
    - replaces its rows that come out differently now (same `unique_key`),
    the last two in one transaction, by the strategy below.
-#}

{#- The largest value of a column in the present dbt model's table, as a literal: the
    engine skips files by literals only. -#}
{% macro newest(column) -%}
    {%- if execute -%}
        {%- set query -%}
            select coalesce(max({{ column }}), -1) from {{ this }}
        {%- endset -%}
        {{- run_query(query)[0][0] -}}
    {%- else -%}
        -1
    {%- endif -%}
{%- endmacro %}

{#- The loads that a newer load of the same file has replaced. -#}
{% macro superseded_loads() -%}
    select load_id from {{ source('ops', 'file_ledger') }}
    where superseded_by is not null
{%- endmacro %}

{#- The lake's snapshot that the build reads: every build that writes has a larger one
    than all builds before it. -#}
{% macro current_snapshot() -%}
    (
        select cast(id as bigint)
        from ducklake_current_snapshot('{{ target.database }}')
    )
{%- endmacro %}

{% macro get_incremental_supersede_sql(arguments) -%}
    {%- set target = arguments['target_relation'] -%}
    {%- set changes = arguments['temp_relation'] -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='name') -%}
    {%- set key = adapter.quote(arguments['unique_key']) -%}
    delete from {{ target }}
    where _load_id in (
        {{ superseded_loads() }}
        {# Earlier ones are gone already. Without new ones nothing is read. #}
        and superseded_by > (select coalesce(max(_load_id), -1) from {{ target }})
    );

    {#- The load id is there to skip the files of all other loads. #}
    delete from {{ target }}
    where ({{ key }}, _load_id) in (
        select ({{ key }}, _load_id) from {{ changes }}
    );

    insert into {{ target }} by name
    select {{ get_quoted_csv(columns) }} from {{ changes }}
{%- endmacro %}

{#- For a dbt model built at other times than the one it takes its rows from. -#}
{% macro remove_rows_gone_from(relation) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        {%- set key = adapter.quote(config.require('unique_key')) %}
        where {{ key }} not in (select {{ key }} from {{ relation }})
    {%- endif -%}
{%- endmacro %}

{#-
    Whether the present dbt model is built anew from all rows, in place of dbt's own
    answer: also where the platform asks for it, since the model's code, or that of one
    that it reads, has changed. Old rows would keep what the old code made of them.
-#}
{% macro should_full_refresh() -%}
    {%- set asked = env_var('TIDEMARK_DBT_REBUILD', '').split(',') -%}
    {%- do return(dbt.should_full_refresh() or model.name in asked) -%}
{%- endmacro %}

{#-
    The texts of a raw table as values of a type: null where a text is blank or does not
    fit, whatever it is. Nothing is rounded or guessed.

    Args:
        column: The raw column, quoted where its name asks for it.
        format: How times are written: as `strptime` has it, `unix_seconds`,
            `unix_milliseconds`, or none for ISO 8601. Without a zone they are UTC.
-#}
{% macro as_code(column) -%} nullif(trim({{ column }}), '') {%- endmacro %}

{% macro as_text(column) -%} nullif(clean_text({{ column }}), '') {%- endmacro %}

{#- Exports write 5 or 5.0. -#}
{% macro as_whole(column) -%}
    case
        when regexp_full_match(trim({{ column }}), '[+-]?\d{1,18}(\.0+)?')
            then try_cast(regexp_replace(trim({{ column }}), '\.0+$', '') as bigint)
    end
{%- endmacro %}

{% macro as_number(column) -%}
    case
        when isfinite(try_cast(trim({{ column }}) as double))
            then try_cast(trim({{ column }}) as double)
    end
{%- endmacro %}

{% macro as_boolean(column) -%} try_cast(trim({{ column }}) as boolean) {%- endmacro %}

{% macro as_time(column, format=none) -%}
    {%- if format is none -%}
        case
            when isfinite(try_cast(trim({{ column }}) as timestamptz))
                then try_cast(trim({{ column }}) as timestamptz)
        end
    {%- elif format in ('unix_seconds', 'unix_milliseconds') -%}
        {#- Up to the year 9999. #}
        case
            when
                try_cast(trim({{ column }}) as bigint)
                between 1 and
                {{ 253402300799 if format == 'unix_seconds' else 253402300799000 }}
                then make_timestamptz(
                    try_cast(trim({{ column }}) as bigint)
                    * {{ 1000000 if format == 'unix_seconds' else 1000 }}
                )
        end
    {%- else -%}
        cast(try_strptime(trim({{ column }}), '{{ format }}') as timestamptz)
    {%- endif -%}
{%- endmacro %}

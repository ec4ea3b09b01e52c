-- Where two logs of one run contradict each other.
-- include: sources.links

-- Every call of every source under the identifiers it is known by.
CREATE VIEW _source_calls (
  -- The source.
  source_id,
  -- The trace.
  trace_id,
  -- The span.
  span_id,
  -- Kind of the identifier: `span`, `response`, `request` or `tool call`.
  kind,
  -- The identifier.
  key,
  -- `gen_ai.operation.name`.
  operation_name,
  -- Name of the span.
  name,
  -- UNSET, OK or ERROR.
  status_code,
  -- Input tokens, cached ones included.
  input_tokens,
  -- Output tokens, reasoning included.
  output_tokens,
  -- When it began (UTC).
  start_time,
  -- Line of the source.
  source_line
) AS
SELECT k.source_id, k.trace_id, k.span_id, kind, key, operation_name, name, status_code, input_tokens, output_tokens, start_time, source_line
FROM _source_keys AS k
JOIN (
  SELECT source_id, trace_id, span_id, operation_name, name, status_code, input_tokens, output_tokens, start_time, source_line FROM spans
  UNION ALL BY NAME
  SELECT source_id, trace_id, span_id, operation_name, status_code, input_tokens, output_tokens, start_time, source_line FROM span_copies
) USING (source_id, trace_id, span_id)
WHERE kind IN ('span', 'response', 'request', 'tool call');

-- What two sources of one run say differently: calls that only one of them holds, and calls that both hold with other tokens
-- or another status. Only runs that certainly are the same are compared, and only by identifiers that both logs write.
CREATE VIEW source_disagreements (
  -- `missing call`, `tokens` or `status`.
  kind,
  -- The one source; of a missing call the source that holds it.
  a_source_id,
  -- Trace in that source.
  a_trace_id,
  -- Span in that source.
  a_span_id,
  -- Line in that source.
  a_source_line,
  -- The other source; of a missing call the source that lacks it.
  b_source_id,
  -- Trace in the other source; NULL for a missing call where the other source has several traces of the run.
  b_trace_id,
  -- Span in the other source; NULL for a missing call.
  b_span_id,
  -- Line in the other source; NULL for a missing call.
  b_source_line,
  -- The identifier both are known by.
  key,
  -- When the call began (UTC), by the first source.
  start_time,
  -- What is different, in words.
  says
) AS
WITH
  links AS (
    SELECT a_source_id, a_trace_id, b_source_id, b_trace_id FROM source_links WHERE confidence = 'certain' AND relation = 'same run'
  ),
  calls AS (
    SELECT * FROM _source_calls
    QUALIFY row_number() OVER (PARTITION BY source_id, trace_id, kind, key ORDER BY source_line NULLS LAST, span_id) = 1
  ),
  both_sides AS (
    SELECT l.*, kind, key, a.span_id AS a_span_id, b.span_id AS b_span_id, a.source_line AS a_source_line, b.source_line AS b_source_line,
      a.status_code AS a_status, b.status_code AS b_status, a.input_tokens AS a_input, b.input_tokens AS b_input,
      a.output_tokens AS a_output, b.output_tokens AS b_output, a.start_time
    FROM links AS l
    JOIN calls AS a ON a.source_id = l.a_source_id AND a.trace_id = l.a_trace_id
    JOIN calls AS b USING (kind, key)
    WHERE b.source_id = l.b_source_id AND b.trace_id = l.b_trace_id
  ),
  compared_kinds AS (SELECT DISTINCT a_source_id, a_trace_id, b_source_id, b_trace_id, kind FROM both_sides),
  directions AS (
    SELECT a_source_id AS has_source, a_trace_id AS has_trace, b_source_id AS lacks_source, b_trace_id AS lacks_trace, kind FROM compared_kinds
    UNION ALL
    SELECT b_source_id, b_trace_id, a_source_id, a_trace_id, kind FROM compared_kinds
  ),
  -- A call may stand in another trace of the source that seems to lack it, where a log has a trace a turn; and one that is
  -- known by several identifiers is missing only where none of them is met.
  missing AS (
    SELECT
      has_source, has_trace, lacks_source, CASE WHEN count(DISTINCT lacks_trace) = 1 THEN min(lacks_trace) END AS lacks_trace,
      c.span_id, min(c.key) AS key, any_value(c.source_line) AS source_line,
      any_value(c.start_time) AS start_time, any_value(c.name) AS name, any_value(c.operation_name) AS operation_name
    FROM directions AS d
    JOIN calls AS c ON c.source_id = d.has_source AND c.trace_id = d.has_trace AND c.kind = d.kind
    LEFT JOIN (SELECT DISTINCT source_id, kind, key FROM calls) AS other
      ON other.source_id = d.lacks_source AND other.kind = d.kind AND other.key = c.key
    WHERE c.operation_name IN ('chat', 'generate_content', 'text_completion', 'execute_tool')
    GROUP BY has_source, has_trace, lacks_source, c.span_id
    HAVING count(other.key) = 0
  ),
  met AS (
    FROM both_sides
    QUALIFY row_number() OVER (PARTITION BY a_source_id, a_trace_id, a_span_id, b_source_id, b_trace_id, b_span_id ORDER BY kind DESC) = 1
  )
SELECT
  'missing call', has_source, has_trace, span_id, source_line, lacks_source, lacks_trace, NULL AS b_span_id, NULL AS b_source_line, key, start_time,
  format('{} ({}) is in one log only', coalesce(name, operation_name), key)
FROM missing
UNION ALL
SELECT
  'tokens', a_source_id, a_trace_id, a_span_id, a_source_line, b_source_id, b_trace_id, b_span_id, b_source_line, key, start_time,
  format('{} input and {} output tokens against {} and {}', coalesce(a_input::VARCHAR, 'no'), coalesce(a_output::VARCHAR, 'no'),
    coalesce(b_input::VARCHAR, 'no'), coalesce(b_output::VARCHAR, 'no'))
FROM met
WHERE kind <> 'tool call' AND (a_input IS DISTINCT FROM b_input OR a_output IS DISTINCT FROM b_output)
UNION ALL
SELECT
  'status', a_source_id, a_trace_id, a_span_id, a_source_line, b_source_id, b_trace_id, b_span_id, b_source_line, key, start_time,
  format('{} against {}', a_status, b_status)
FROM met
WHERE (a_status = 'ERROR') <> (b_status = 'ERROR');

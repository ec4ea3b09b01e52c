-- What may explain why some spans are as they are: everything about a span that can be said in a few words.
-- include: drift.fingerprints
-- include: messages.span_messages
-- include: messages.texts
-- include: spans.kinds

-- Everything that is said of each span by name: its columns, versions, attributes, the shape of its arguments, the steps above it, its size
-- against others of its kind, and the words in it. How it ended is told apart (`outcome`): it explains nothing.
CREATE VIEW span_features (
  -- Trace of the span.
  trace_id,
  -- Place of the span in tree order.
  preorder,
  -- `column`, `version`, `attribute`, `argument` (a key of the arguments, with its value where that is short), `above` (a step it stands
  -- below), `size`, `word` (in arguments, result or answer) or `outcome`.
  kind,
  -- Name of the column, version, attribute, key or text.
  feature,
  -- Its value.
  value
) AS
WITH columns_of AS (
  SELECT trace_id, preorder, unnest(map_entries(known), recursive := true)
  FROM (
    SELECT trace_id, preorder, map {
      'name': regexp_replace(name, '\d+', '#', 'g'), 'agent_name': agent_name, 'operation_name': operation_name, 'workflow_name': workflow_name,
      'service_name': service_name, 'provider_name': provider_name, 'tool_name': tool_name
    } AS known
    FROM spans
  )
),
outcomes AS (
  SELECT trace_id, preorder, unnest(map_entries(known), recursive := true)
  FROM (
    SELECT trace_id, preorder, map {
      'status_code': status_code, 'error_type': error_type, 'status_message': left(status_message, 100),
      'response_finish_reasons': array_to_string(response_finish_reasons, ', ')
    } AS known
    FROM spans
  )
),
attributes_of AS (
  SELECT trace_id, preorder, key, attributes->>('$."' || key || '"') AS value
  FROM (SELECT trace_id, preorder, attributes, unnest(json_keys(attributes)) AS key FROM spans WHERE json_type(attributes) = 'OBJECT')
  WHERE NOT contains(key, '"') AND NOT regexp_matches(key, '(^|[._])(id|uuid|time|timestamp|messages|instructions|definitions)$', 'i')
),
arguments_of AS (
  SELECT trace_id, preorder, key, arguments->>('$."' || key || '"') AS value
  FROM (
    SELECT trace_id, preorder, arguments, unnest(json_keys(arguments)) AS key
    FROM (SELECT trace_id, preorder, TRY_CAST(tool_call_arguments AS JSON) AS arguments FROM spans WHERE tool_call_arguments IS NOT NULL)
    WHERE json_type(arguments) = 'OBJECT'
  )
  WHERE NOT contains(key, '"')
),
above AS (
  SELECT below.trace_id, below.preorder, _span_kind(above.operation_name) AS key, _span_label(above.operation_name, above.name, above.tool_name, above.response_model, above.request_model, above.agent_name) AS value
  FROM spans AS below
  JOIN spans AS above ON above.trace_id = below.trace_id AND above.preorder < below.preorder AND above.subtree_end > below.preorder
),
sizes AS (
  SELECT trace_id, preorder, unnest([
    CASE WHEN duration_ns > quantile_cont(duration_ns, 0.9) OVER alike THEN {key: 'duration', value: 'longest tenth'} WHEN duration_ns < quantile_cont(duration_ns, 0.1) OVER alike THEN {key: 'duration', value: 'shortest tenth'} END,
    CASE WHEN input_tokens > quantile_cont(input_tokens, 0.9) OVER alike THEN {key: 'input_tokens', value: 'most tenth'} END,
    CASE WHEN output_tokens > quantile_cont(output_tokens, 0.9) OVER alike THEN {key: 'output_tokens', value: 'most tenth'} END
  ]) AS size
  FROM spans
  WINDOW alike AS (PARTITION BY operation_name, tool_name)
),
texts AS (
  SELECT trace_id, preorder, 'arguments' AS key, tool_call_arguments AS said FROM spans WHERE tool_call_arguments IS NOT NULL
  UNION ALL
  SELECT trace_id, preorder, 'result', tool_call_result FROM spans WHERE tool_call_result IS NOT NULL
  UNION ALL
  SELECT trace_id, preorder, CASE direction WHEN 'output' THEN 'answer' ELSE 'prompt' END, _message_text(parts)
  FROM span_messages
  JOIN spans USING (trace_id, span_id)
  JOIN messages USING (message_hash)
  WHERE direction IN ('output', 'system')
),
words AS (
  SELECT DISTINCT trace_id, preorder, key, value
  FROM (SELECT trace_id, preorder, key, unnest(_distinct_words(left(said, 2000))) AS value FROM texts)
  WHERE length(value) BETWEEN 3 AND 30 AND NOT regexp_matches(value, '^\d+$')
)
SELECT trace_id, preorder, 'column' AS kind, key AS feature, value FROM columns_of WHERE value <> ''
UNION ALL
SELECT trace_id, preorder, 'outcome', key, value FROM outcomes WHERE value <> ''
UNION ALL
SELECT trace_id, preorder, 'version', kind, value FROM span_versions
UNION ALL
SELECT trace_id, preorder, 'attribute', key, value FROM attributes_of WHERE length(value) BETWEEN 1 AND 80
UNION ALL
SELECT trace_id, preorder, 'argument', key, CASE WHEN length(value) <= 40 THEN value ELSE '(any)' END FROM arguments_of WHERE value IS NOT NULL
UNION ALL
SELECT trace_id, preorder, 'above', key, value FROM above
UNION ALL
SELECT trace_id, preorder, 'size', size.key, size.value FROM sizes WHERE size IS NOT NULL
UNION ALL
SELECT trace_id, preorder, 'word', key, value FROM words;

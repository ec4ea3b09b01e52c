-- An agent that keeps busy and changes nothing.
-- include: messages.span_messages
-- include: spans.runs
-- include: spans.actions
-- include: tokens.prices
-- include: detectors.evidence
-- include: detectors.competing_writes

-- Whether the result of a tool says, in a few words, that the call changed nothing.
CREATE MACRO _says_nothing_changed(result) AS
strlen(result) < 400 AND regexp_matches(result,
  '\bno[ -]?op\b|\bno (changes?|modifications?|updates?)( (were|was|have been|has been))? (made|needed|necessary|required|applied|saved)\b|nothing (was |is )?(changed|updated|saved|applied|modified|to (do|change|update|commit|apply|save))|(content|file|record|value|state|document) (is |was |remains )?(unchanged|not modified|identical)|\bunchanged["}.!]*\s*$|"?(changed|modified)"?\s*[:=]\s*(false\b|0\b)|"?(rows_affected|affected_rows|records_updated)"?\s*[:=]\s*0\b|\b0 (rows?|files?|records?|lines?) (were |was )?(affected|changed|updated|modified|replaced)',
  'i')
AND NOT regexp_matches(result, '(created|inserted|added|deleted|removed|written|updated|modified|copied|saved)"?\s*[:=]\s*[1-9]|\b[1-9]\d* (\w+ )?(were |was )?(created|inserted|added|deleted|removed|written|updated|copied|saved)', 'i');

-- Whether a tool call cannot have changed anything: a tool made for doing nothing, or a replacement of a text by itself.
CREATE MACRO _is_void_call(tool, arguments) AS
regexp_matches(tool, '^(no_?op|do_?nothing)$', 'i')
-- Arguments may be plain words; only CASE keeps DuckDB from reading those as JSON.
OR CASE WHEN json_valid(arguments) THEN coalesce(
  arguments->>'$.old_string' = arguments->>'$.new_string', arguments->>'$.old_str' = arguments->>'$.new_str',
  arguments->>'$.search' = arguments->>'$.replace', arguments->>'$.find' = arguments->>'$.replace', arguments->>'$.old_text' = arguments->>'$.new_text',
  arguments->>'$.old' = arguments->>'$.new', false) ELSE false END;

-- Why no-op storms cannot be looked for; no reason when all is there.
CREATE VIEW _needs_no_op_storm (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  tools > 0 OR outputs > 0,
  CASE
    WHEN tools = 0 AND outputs = 0 THEN 'no tool call has its arguments or result recorded, and no model call its output'
    ELSE nullif(concat_ws('; ',
      _unjudged('tool calls', tool_calls, tool_calls - tools, 'neither arguments nor a result recorded'),
      CASE WHEN outputs = 0 AND model_calls > 0 THEN 'no model call has its output recorded: only tools were looked at'
        ELSE _unjudged('model calls', model_calls, model_calls - metered, 'no output tokens recorded') END), '')
  END
FROM (SELECT count(*) AS outputs FROM span_message_ranges WHERE direction = 'output'), (
  SELECT
    count(*) FILTER (operation_name = 'execute_tool') AS tool_calls,
    count(*) FILTER (operation_name = 'execute_tool' AND (tool_call_result IS NOT NULL OR tool_call_arguments IS NOT NULL)) AS tools,
    count(*) FILTER (operation_name <> 'execute_tool') AS model_calls, count(output_tokens) FILTER (operation_name <> 'execute_tool') AS metered
  FROM spans
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
);

-- `min_no_ops` steps of one run in a row do nothing: tools that change nothing, or model calls that answer nothing.
--
-- Means: the agent acts for the sake of acting, or a model is cut off before it speaks. Matters: each step costs a full context, and
-- nobody sees an error. A step does nothing when (a) a tool replaces a text by itself or is made for doing nothing, (b) its result says
-- that nothing changed, on the same one or two targets (path, key, id), (c) a model call ends without text and without a tool call,
-- and its usage (at most 3 output tokens) confirms it.
-- Tier proven. Severity: critical for 20 and more, else warning.
-- Example: five edits on end that replace a text by itself.
-- Leaves alone: runs over many targets of which each is up to date (a sync, a set-up that can be repeated); waiting, polling and reading;
-- the very same call again (see tool_loop); tools
-- without output; empty search results; failed calls; other work in between.
-- Misses: steps whose result does not say that nothing changed; idle heartbeats with words.
-- Do: look at the step before the first one: the agent usually misread its result, or the model was cut off.
-- scope: trace
-- version: 4
CREATE MACRO detect_no_op_storm(min_no_ops := 4) AS TABLE
WITH silent_answers AS MATERIALIZED (
  SELECT message_hash
  FROM messages
  WHERE bytes < 160 AND role = 'assistant' AND regexp_full_match(coalesce(array_to_string(parts->>'$[*].content', ''), ''), '\s*')
    AND len(list_filter(parts->>'$[*].type', lambda type: type <> 'text')) = 0
),
silent_calls AS MATERIALIZED (
  SELECT trace_id, span_id
  FROM span_messages
  WHERE direction = 'output'
  GROUP BY trace_id, span_id
  HAVING bool_and(message_hash IN (FROM silent_answers))
),
void_calls AS MATERIALIZED (
  SELECT trace_id, preorder, 'tool' AS kind
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR'
    AND (_is_void_call(tool_name, tool_call_arguments) OR _says_nothing_changed(tool_call_result))
    AND NOT coalesce(_resource_access(tool_name) IS DISTINCT FROM 'write' AND regexp_matches(tool_name, 'wait|sleep|poll|status|heartbeat|watch|monitor|get|fetch|read|list|check|diff|plan|pull|query|search|find|test|lint', 'i'), false)
  UNION ALL
  SELECT trace_id, preorder, 'model'
  FROM spans
  SEMI JOIN silent_calls USING (trace_id, span_id)
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion') AND status_code <> 'ERROR'
    AND output_tokens <= 3
),
suspects AS MATERIALIZED (
  SELECT trace_id FROM (SELECT trace_id, count(*) AS calls FROM void_calls GROUP BY trace_id) WHERE calls >= min_no_ops
),
steps AS (
  SELECT
    spans.trace_id, spans.preorder, spans.start_time, spans.agent_name, coalesce(run_preorder::VARCHAR, conversation_id, '') AS run,
    CASE WHEN operation_name = 'execute_tool' THEN 'tool' ELSE 'model' END AS kind, void_calls.preorder IS NOT NULL AS is_void,
    _is_void_call(tool_name, tool_call_arguments) AS is_void_call, tool_call_arguments AS arguments,
    coalesce(_path_of(tool_call_arguments), CASE WHEN json_valid(tool_call_arguments) THEN coalesce(
      tool_call_arguments->>'$.id', tool_call_arguments->>'$.url', tool_call_arguments->>'$.name', tool_call_arguments->>'$.command') END) AS target
  FROM spans
  SEMI JOIN suspects USING (trace_id)
  LEFT JOIN _runs_of_calls((SELECT list(trace_id) FROM suspects)) AS runs USING (preorder)
  LEFT JOIN void_calls ON void_calls.preorder = spans.preorder
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
),
-- Model calls only ask for tools, and tools only follow them: each kind has its own order.
islands AS (
  SELECT *, count(*) FILTER (NOT is_void) OVER (PARTITION BY trace_id, agent_name, run, kind ORDER BY start_time, preorder) AS island
  FROM steps
),
storms AS (
  FROM (
    SELECT
      trace_id, agent_name, run, kind, island, count(*) AS no_ops, list(preorder ORDER BY start_time, preorder) AS places,
      kind = 'model' OR ((bool_and(is_void_call) OR count(DISTINCT target) <= 2) AND (count(DISTINCT arguments) > 1 OR strlen(any_value(arguments)) < 3)) AS is_void
    FROM islands
    WHERE is_void
    GROUP BY trace_id, agent_name, run, kind, island
  )
  WHERE no_ops >= min_no_ops AND is_void
)
SELECT
  'proven' AS tier, CASE WHEN any_value(no_ops) >= 20 THEN 'critical' ELSE 'warning' END AS severity, storms.trace_id, storms.agent_name,
  list(span_id ORDER BY start_time, preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
  CASE WHEN kind = 'tool' THEN format('{} called {} {} times in a row without changing anything.', coalesce(storms.agent_name, 'An agent'),
      _short(array_to_string(list_sort(list(DISTINCT tool_name)), ', '), 80) || _about(arg_min(tool_call_arguments, preorder)), any_value(no_ops))
    ELSE format('The model of {} answered nothing {} times in a row.', coalesce(storms.agent_name, 'an agent'), any_value(no_ops)) END AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id,
    CASE WHEN kind = 'tool' THEN tool_name || ' ' || _short(coalesce(tool_call_arguments, ''), 120) || ' → ' || _short(coalesce(tool_call_result, ''), 120)
      ELSE 'an answer without text and without a tool call' END) ORDER BY start_time, preorder)[:50] AS evidence,
  CASE WHEN kind = 'model' THEN _whole(sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0))) END AS tokens_wasted,
  NULL::DOUBLE AS cost_usd_wasted
FROM (SELECT *, unnest(places) AS preorder FROM storms) AS storms
JOIN spans USING (preorder)
GROUP BY storms.trace_id, storms.agent_name, run, kind, island;

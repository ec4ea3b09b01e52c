-- What agents decided, on what grounds, and what came of it.
-- include: agents.handoffs
-- include: flow.texts
-- include: messages.span_messages
-- include: spans.calls

-- The confidence that a text states: `confidence: 0.8`, `confidence is high`, `90% sure`, `not certain`; NULL where it states none.
CREATE MACRO _stated_confidence(said) AS
coalesce(
  nullif(regexp_extract(said, '(?i)\bconfidence\b(?:\s+(?:level|score|is|of))*["\s:=]{1,4}(\d{1,3}\s?%|[01]?\.\d+|1\.0|high|medium|moderate|low|very high|very low)', 1), ''),
  nullif(regexp_extract(said, '(?i)\b(\d{1,3}\s?%)\s+(?:sure|certain|confident)\b', 1), ''),
  nullif(lower(regexp_extract(said, '(?i)\b((?:not|fairly|quite|very|reasonably|absolutely|completely|almost|un)[\s-]?(?:sure|certain|confident)|(?:high|medium|moderate|low)\s+confidence)\b', 1)), ''));

-- The numbered or lettered lines below a line that speaks of options; an empty text where there are none.
CREATE MACRO _lines_of_options(said) AS
regexp_extract(said, '(?i)\b(?:options|alternatives|approaches|choices)\b[^\n]{0,80}\n+((?:[ \t]*(?:\d{1,2}|[a-d])[.)][ \t]+[^\n]+\n*){2,})', 1);

-- The options that a text names: lines `Option A: x`, `Approach 2) x`, the list below a line that speaks of options, else the two of `either x or y`.
CREATE MACRO _named_options(said) AS
CASE
  WHEN len(regexp_extract_all(said, '(?im)^\W*(?:option|approach|alternative|plan|choice)\s+\w{1,2}\b\W{1,4}(\S[^\n]*)$')) >= 2
    THEN regexp_extract_all(said, '(?im)^\W*(?:option|approach|alternative|plan|choice)\s+\w{1,2}\b\W{1,4}(\S[^\n]*)$', 1)
  WHEN _lines_of_options(said) <> '' THEN regexp_extract_all(_lines_of_options(said), '(?m)^[ \t]*(?:\d{1,2}|[a-dA-D])[.)][ \t]+(\S[^\n]*)$', 1)
  WHEN regexp_matches(said, '(?i)\beither\s+[^.;\n]{2,80}?\s+or\s+[^.,;\n]{2,80}')
    THEN [regexp_extract(said, '(?i)\beither\s+([^.;\n]{2,80}?)\s+or\s+[^.,;\n]{2,80}', 1), regexp_extract(said, '(?i)\beither\s+[^.;\n]{2,80}?\s+or\s+([^.,;\n]{2,80})', 1)]
  ELSE []
END;

-- Every tool call, delegation and final answer, with the grounds the log shows. A final answer is what an agent said last in a window without asking for a tool.
CREATE VIEW decisions (
  -- Trace of the decision.
  trace_id,
  -- The tool call, or for an answer the model call.
  span_id,
  -- `tool_call`, `delegation` or `answer`.
  kind,
  -- The agent that decided.
  agent_name,
  -- When (UTC).
  start_time,
  -- What was decided: tool and arguments, or the answer.
  decision,
  -- The model call that decided; NULL where the log does not link one.
  call_span_id,
  -- What the model thought and said in that call before it decided.
  reasoning,
  -- The options that the reasoning names.
  options,
  -- The confidence that reasoning or answer states, in its words.
  stated_confidence,
  -- Number of messages in the window of the call.
  window_messages,
  -- Their bytes.
  window_bytes,
  -- Input tokens of the call.
  input_tokens,
  -- Version of the agent that was live.
  agent_version,
  -- Version of the prompt that was live.
  prompt_version,
  -- The model.
  model,
  -- `ok`, `error`, `unfinished`; for an answer `ok`, or `error` where the run above failed.
  outcome,
  -- What came of it: the result or the error of the tool, at most 300 characters.
  result,
  -- Place in tree order.
  preorder
) AS
WITH
  spoken AS (
    SELECT
      t.preorder, t.window_id, string_agg(p.said, chr(10) || chr(10) ORDER BY t.message_hash = p.message_hash, t.number) FILTER (t.type IN ('text', 'reasoning')) AS said,
      string_agg(p.said, chr(10) || chr(10) ORDER BY t.number) FILTER (t.type = 'text') AS answer, bool_or(t.type = 'tool_call') AS asks_tool
    FROM (FROM flow_texts WHERE side = 'said' AND message_hash IS NOT NULL AND type IN ('text', 'reasoning', 'tool_call')) AS t
    JOIN _flow_parts AS p ON p.message_hash = t.message_hash AND p.part_index = t.part_index
    GROUP BY t.preorder, t.window_id
  ),
  windows AS (
    SELECT spans.preorder, count(*) AS messages, sum(bytes)::BIGINT AS bytes
    FROM span_messages
    JOIN messages USING (message_hash)
    JOIN spans USING (trace_id, span_id)
    WHERE direction IN ('system', 'input')
    GROUP BY spans.preorder
  ),
  calls AS (
    SELECT spoken.*, spans.span_id, spans.trace_id, spans.agent_name, spans.start_time, spans.input_tokens, spans.agent_version, spans.prompt_version,
      coalesce(response_model, request_model) AS model, windows.messages, windows.bytes, spans.status_code,
      row_number() OVER (PARTITION BY spoken.window_id ORDER BY spans.start_time DESC NULLS FIRST, spoken.preorder DESC) AS from_last
    FROM spoken
    JOIN spans USING (preorder)
    LEFT JOIN windows USING (preorder)
  ),
  given AS (SELECT DISTINCT preorder, from_preorder FROM flow_texts WHERE type = 'arguments'),
  handed AS (SELECT DISTINCT preorder FROM handoffs WHERE kind <> 'run')
SELECT
  tool.trace_id, tool.span_id, CASE WHEN handed.preorder IS NOT NULL THEN 'delegation' ELSE 'tool_call' END, tool.agent_name, tool.start_time,
  concat_ws(' ', tool.tool_name, tool.tool_call_arguments), calls.span_id AS call_span_id, calls.said, coalesce(_named_options(calls.said), []), _stated_confidence(calls.said),
  calls.messages, calls.bytes, calls.input_tokens, coalesce(tool.agent_version, calls.agent_version), coalesce(calls.prompt_version, tool.prompt_version), calls.model,
  CASE WHEN tool.status_code = 'ERROR' AND NOT tool.is_control_flow THEN 'error' WHEN tool.end_time IS NULL AND tool.tool_call_result IS NULL THEN 'unfinished' ELSE 'ok' END,
  left(coalesce(CASE WHEN tool.status_code = 'ERROR' THEN tool.status_message END, tool.tool_call_result), 300), tool.preorder
FROM spans AS tool
SEMI JOIN tool_calls ON tool_calls.preorder = tool.preorder
LEFT JOIN given ON given.preorder = tool.preorder
LEFT JOIN calls ON calls.preorder = given.from_preorder
LEFT JOIN handed ON handed.preorder = tool.preorder
UNION ALL
SELECT
  trace_id, span_id, 'answer', agent_name, start_time, answer, span_id, said, coalesce(_named_options(said), []), _stated_confidence(said), messages, bytes,
  input_tokens, agent_version, prompt_version, model, CASE WHEN status_code = 'ERROR' THEN 'error' ELSE 'ok' END, NULL, preorder
FROM calls
WHERE from_last = 1 AND NOT asks_tool AND answer IS NOT NULL;

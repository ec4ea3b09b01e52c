-- Instructions that fill the window before the work begins.
-- include: detectors.evidence
-- include: messages.span_messages
-- include: tokens.message_carriage

-- Why oversized prompts cannot be looked for; no reason when all is there.
CREATE VIEW _needs_oversized_prompt (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  metered > 0 AND prompts > 0 OR identities > 0,
  CASE
    WHEN prompts = 0 AND identities = 0 THEN 'the logs hold neither system prompts nor identity files'
    WHEN prompts = 0 THEN 'no system prompt is logged: only identity files were judged, by their length'
    WHEN metered = 0 AND identities = 0 THEN 'no model call has its input tokens recorded: how long a system prompt is in tokens is not known'
    WHEN metered = 0 THEN 'no model call has its input tokens recorded: only identity files were judged, by their length'
    ELSE _unjudged('model calls', calls, calls - metered, 'no input tokens recorded')
  END
FROM (
    SELECT
      (SELECT count(*) FROM span_message_ranges WHERE direction = 'system') + (SELECT count(*) FROM messages WHERE role IN ('system', 'developer')) AS prompts,
      (SELECT count(*) FROM documents WHERE kind = 'identity') AS identities
  ),
  (SELECT count(*) AS calls, count(*) FILTER (input_tokens > 0) AS metered FROM spans WHERE operation_name IN ('chat', 'generate_content', 'text_completion'));

-- The system prompt of an agent, or its identity file, is larger than `max_tokens`.
--
-- Means: what the agent is told before anything else takes the room of the work, in every call. Matters: it is paid in every call,
-- and long instructions are followed worse.
-- Example: a clause library of 3,000 lines is pasted into the instructions and sent with every call.
-- A prompt is the system messages of a call; its tokens are the median, over its calls, of its share of the input by bytes (see
-- `message_carriage`), an identity file's a quarter of its bytes. Tier event for prompts, candidate for files (a file may never be sent whole). Severity: warning
-- above twice the limit, else info.
-- Leaves alone: prompts that grow in the user's messages. Misses: prompts that are not logged, tool definitions.
-- `tokens_wasted` is what stands above the limit, in all calls together.
-- Do: move what is needed now and then into a file or a tool that is asked for it.
-- scope: fleet
-- version: 2
CREATE MACRO detect_oversized_prompt(max_tokens := 8000) AS TABLE
WITH windows AS (
  SELECT
    ledger.agent_name, ledger.trace_id, ledger.span_id, ledger.start_time, ledger.preorder, ledger.source_id, ledger.source_line,
    ledger.source_offset, ledger.source_length,
    any_value(ledger.input_tokens) * sum(bytes) FILTER (is_prompt) / sum(bytes) AS tokens,
    list(message_hash ORDER BY direction DESC, position) FILTER (is_prompt) AS prompt
  FROM usage_ledger AS ledger
  JOIN (
    SELECT trace_id, span_id, direction, position, message_hash, bytes, direction = 'system' OR role IN ('system', 'developer') AS is_prompt
    FROM span_messages JOIN (SELECT message_hash, role, bytes FROM messages) USING (message_hash)
    WHERE direction IN ('system', 'input')
  ) AS sent USING (trace_id, span_id)
  WHERE is_counted AND input_tokens > 0
  GROUP BY ALL
  HAVING sum(bytes) FILTER (is_prompt) > 0
),
prompts AS (
  SELECT
    agent_name, count(*) AS calls, median(tokens) AS tokens, arg_min(trace_id, preorder) AS trace_id, list(span_id ORDER BY preorder) AS span_ids,
    min(start_time) AS start_time, max(start_time) AS end_time, count(*) * (median(tokens) - any_value(allowed)) AS above,
    arg_min(_evidence(source_id, source_line, source_offset, source_length, span_id, format('system prompt of about {:,} tokens', round(tokens)::BIGINT)), preorder) AS record
  FROM (SELECT *, max_tokens AS allowed FROM windows)
  GROUP BY agent_name, prompt
),
-- One finding an agent: a prompt that changes with every call is still one prompt too long.
agents_told AS (
  SELECT
    agent_name, sum(calls)::BIGINT AS calls, max(tokens) AS tokens, count(*) AS versions, arg_min(trace_id, start_time) AS trace_id, flatten(list(span_ids ORDER BY start_time)) AS span_ids,
    min(start_time) AS start_time, max(end_time) AS end_time, sum(above) AS above, list(record ORDER BY start_time)[:20] AS records
  FROM prompts
  WHERE tokens > max_tokens
  GROUP BY agent_name
),
files AS (
  SELECT documents.agent_name, coalesce(title, path) AS title, documents.source_length // 4 AS tokens,
    _evidence(documents.source_id, documents.source_line, documents.source_offset, documents.source_length, NULL,
      format('identity file of {:,} bytes', documents.source_length)) AS record
  FROM documents
  JOIN sources USING (source_id)
  WHERE kind = 'identity' AND documents.source_length > max_tokens * 4
)
SELECT
  'event' AS tier, CASE WHEN tokens > 2 * max_tokens THEN 'warning' ELSE 'info' END AS severity, trace_id, agent_name, span_ids[:200] AS span_ids, start_time, end_time,
  format('The system prompt of {} takes {} {:,} tokens, in {} call{}{}.', coalesce(agent_name, 'an agent'), CASE WHEN versions = 1 THEN 'about' ELSE 'up to' END,
    round(tokens)::BIGINT, calls, CASE WHEN calls = 1 THEN '' ELSE 's' END, CASE WHEN versions = 1 THEN '' ELSE format(' and {} wordings', versions) END) AS summary,
  records AS evidence, _whole(above::HUGEINT) AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM agents_told
UNION ALL
SELECT
  'candidate', CASE WHEN tokens > 2 * max_tokens THEN 'warning' ELSE 'info' END, NULL, agent_name, [], NULL, NULL,
  format('The identity file "{}" is about {:,} tokens long.', _short(title, 80), tokens), [record], NULL, NULL
FROM files;

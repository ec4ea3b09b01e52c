-- A prompt that is as long as the model can take, or longer.
-- include: spans.errors
-- include: spans.calls
-- include: detectors.evidence

-- Every model call with a known window: how full it was. A model that took more than its window has another one than the list says, and is left out.
CREATE VIEW _window_use (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- The model.
  model,
  -- Input tokens, cached ones included.
  input_tokens,
  -- Size of the window in tokens.
  window_tokens,
  -- Whether the call worked.
  is_success,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Place in tree order.
  preorder
) AS
SELECT
  trace_id, span_id, agent_name, coalesce(conversation_id, trace_id), model, input_tokens, context_windows.tokens, status_code <> 'ERROR',
  start_time, end_time, preorder
FROM llm_calls
JOIN context_windows USING (model)
WHERE context_windows.provider_name IS NOT DISTINCT FROM llm_calls.provider_name
QUALIFY NOT coalesce(bool_or(status_code <> 'ERROR' AND input_tokens > context_windows.tokens) OVER (PARTITION BY model, llm_calls.provider_name), false);

-- Why overflows cannot be looked for, or what is not seen; no reason when all is there.
CREATE VIEW _needs_context_overflow (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  calls > 0 AND (known > 0 OR with_status > 0),
  CASE
    WHEN calls = 0 THEN 'the logs hold no model calls'
    WHEN known = 0 AND with_status = 0 THEN 'no model call has a status, and of none are both its input tokens and the window of its model known'
    WHEN known < calls THEN format('of {} of {} model calls the input tokens or the window of the model are not known: only what the provider said was looked at', calls - known, calls)
  END
FROM (
  SELECT count(*) AS calls, count(*) FILTER (status_code <> 'UNSET' OR response_finish_reasons IS NOT NULL) + (SELECT count(*) FROM errors WHERE error_class = 'context overflow') AS with_status,
    (SELECT count(*) FROM _window_use WHERE input_tokens IS NOT NULL) AS known
  FROM llm_calls
);

-- A prompt fills the model's window to `near_share` or more, or the provider says that it does not fit.
--
-- Means: the next message is cut off, summarised or refused. Matters: what falls out first is what was said first, the task and its constraints.
-- One finding an agent and conversation. Tier proven when the provider said so, else event. Severity: critical when the provider refused and no
-- later call of the conversation worked, else warning.
-- Example: a call with 193,000 input tokens to a model that takes 200,000; `prompt is too long: 210412 tokens > 200000 maximum`.
-- Leaves alone: long prompts below the share; answers that were cut at their own limit; models whose window is not known or that took more than it.
-- Misses: prompts that a framework cut silently before it sent them; windows that the provider widened for one customer.
-- Do: summarise earlier, read less into the window, or hand the work to an agent with an empty one.
-- scope: trace
-- version: 1
CREATE MACRO detect_context_overflow(near_share := 0.95) AS TABLE
WITH refused AS (
  SELECT
    errors.trace_id, errors.span_id, errors.agent_name, coalesce(conversation_id, errors.trace_id) AS conversation_id, errors.preorder,
    true AS is_said, coalesce(message, errors.error_type) AS says
  FROM errors
  JOIN spans USING (preorder)
  WHERE error_class = 'context overflow'
  UNION ALL
  SELECT
    trace_id, span_id, agent_name, coalesce(conversation_id, trace_id), preorder, true, 'stopped because of ' || array_to_string(response_finish_reasons, ', ')
  FROM llm_calls
  WHERE list_has_any(response_finish_reasons, ['model_context_window_exceeded', 'context_window_exceeded', 'context_length_exceeded'])
),
full_windows AS (
  SELECT
    trace_id, span_id, agent_name, conversation_id, preorder, false AS is_said,
    format('{:,} of {:,} tokens ({} %) of {}', input_tokens, window_tokens, round(100 * input_tokens / window_tokens)::BIGINT, model) AS says
  FROM _window_use
  WHERE input_tokens >= near_share * window_tokens
),
signs AS (
  FROM (FROM refused UNION ALL FROM full_windows)
  QUALIFY row_number() OVER (PARTITION BY preorder ORDER BY is_said DESC) = 1
),
told AS (
  SELECT
    signs.trace_id, signs.agent_name, signs.conversation_id, bool_or(is_said) AS is_said, count(*) FILTER (is_said) AS refusals, count(*) AS calls,
    list(signs.span_id ORDER BY signs.preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    max(signs.preorder) FILTER (is_said) AS last_refusal, arg_max(says, (is_said, signs.preorder)) AS says,
    list(_evidence(source_id, source_line, source_offset, source_length, signs.span_id, says) ORDER BY signs.preorder) AS evidence
  FROM signs
  JOIN spans USING (preorder)
  GROUP BY ALL
),
-- Whether a later call of the same conversation worked.
survived AS (
  SELECT DISTINCT last_refusal
  FROM told
  JOIN llm_calls AS later ON later.trace_id = told.trace_id AND later.agent_name IS NOT DISTINCT FROM told.agent_name
    AND coalesce(later.conversation_id, later.trace_id) = told.conversation_id AND later.preorder > last_refusal AND later.status_code <> 'ERROR'
)
SELECT
  CASE WHEN is_said THEN 'proven' ELSE 'event' END AS tier,
  CASE WHEN is_said AND last_refusal NOT IN (FROM survived) THEN 'critical' ELSE 'warning' END AS severity,
  trace_id, agent_name, span_ids[:50] AS span_ids, start_time, end_time,
  CASE WHEN is_said THEN format('The prompt of {} did not fit into the model''s window {} time{}: {}.', coalesce(agent_name, 'an agent'), refusals,
      CASE WHEN refusals = 1 THEN '' ELSE 's' END, rtrim(_short(says, 120), '.'))
    ELSE format('{} filled the model''s window almost whole in {} call{}: {}.', coalesce(agent_name, 'An agent'), calls, CASE WHEN calls = 1 THEN '' ELSE 's' END, says)
  END AS summary,
  evidence[:20] AS evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told;

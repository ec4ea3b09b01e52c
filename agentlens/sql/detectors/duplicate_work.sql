-- Two agents do the same work.
-- include: detectors.evidence
-- include: flow.resources
-- include: spans.calls
-- include: tokens.usage_ledger

-- Why duplicate work cannot be looked for, or what is not seen; no reason when all is there.
CREATE VIEW _needs_duplicate_work (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  agents > 1 AND whole > 0 AND timed > 0,
  CASE
    WHEN calls = 0 THEN 'the logs hold no tool calls'
    WHEN agents < 2 THEN 'fewer than two agents are known from tool calls'
    WHEN whole = 0 THEN 'no tool call has both arguments and result recorded'
    WHEN timed = 0 THEN 'no tool call has a time recorded'
    ELSE nullif(concat_ws('; ', _untimed('tool calls', calls, timed), _unjudged('tool calls', calls, incomplete, 'no agent, no arguments or no result recorded')), '')
  END
FROM (
  SELECT
    count(*) AS calls, count(DISTINCT agent_name) AS agents, count(start_time) AS timed,
    count(*) FILTER (tool_call_arguments IS NOT NULL AND tool_call_result IS NOT NULL) AS whole,
    count(*) FILTER (status_code <> 'ERROR' AND (agent_name IS NULL OR tool_call_arguments IS NULL OR tool_call_result IS NULL)) AS incomplete
  FROM spans
  WHERE operation_name = 'execute_tool'
);

-- In one trace, an agent repeats calls that another agent has made, with the same arguments and the same results.
--
-- Means: work was given out twice, or what one found did not reach the other. Matters: the second agent is paid for nothing new.
-- Example: two researchers are sent the same question and fetch the same five pages, one after the other.
-- Fires where at least `min_shared` different calls of the later agent, and at least the share `min_share` of its calls, were made
-- by one other agent, before or side by side, with arguments other than empty and a result of at least `min_bytes` bytes. Short results count where nine in ten of its calls, and twice
-- `min_shared` at least, had been made before: a few facts that several need are looked up by each. Tier candidate: a reviewer who looks at the
-- same files, and agents that are to vote, do so on purpose. Severity warning.
-- Leaves alone: shared briefs (few calls), calls whose result changed, an agent that repeats itself (see tool_loop), agents of other traces.
-- Misses: the same question in other words.
-- `tokens_wasted` are those of the model calls that asked for the repeated calls.
-- Do: give the second agent what the first found, or hand out the parts apart.
-- scope: trace
-- version: 4
CREATE MACRO detect_duplicate_work(min_shared := 3, min_share := 0.5, min_bytes := 40) AS TABLE
WITH calls AS (
  SELECT
    trace_id, span_id, agent_name, start_time, preorder, hash(tool_name, tool_call_arguments, tool_call_result) AS work, strlen(tool_call_result) >= min_bytes AS is_long
  FROM spans
  WHERE operation_name = 'execute_tool' AND agent_name IS NOT NULL AND status_code <> 'ERROR' AND start_time IS NOT NULL
    AND strlen(tool_call_result) >= least(min_bytes, 4)
    AND NOT regexp_matches(tool_call_arguments, '^\s*(\{\s*\})?\s*$')
),
done AS (
  SELECT trace_id, agent_name, work, min(start_time) AS start_time, arg_min(preorder, start_time) AS preorder, any_value(is_long) AS is_long
  FROM calls
  GROUP BY ALL
),
pairs AS (
  SELECT
    again.trace_id, again.agent_name, first.agent_name AS other, count(*) AS shared, count(*) FILTER (again.is_long) AS shared_long,
    list([first.preorder, again.preorder] ORDER BY again.start_time) AS places, bool_and(first.start_time < again.start_time) AS is_after
  FROM done AS again
  JOIN done AS first ON first.trace_id = again.trace_id AND first.work = again.work AND first.agent_name <> again.agent_name

  GROUP BY ALL
  -- Of two that worked side by side, the later one is the one that began the work they share later.
  HAVING (min(first.start_time), first.agent_name) < (min(again.start_time), again.agent_name)
),
-- All different calls of the later agent, those with short results too: they are its work as well.
busy AS (
  SELECT trace_id, agent_name, count(DISTINCT hash(tool_name, tool_call_arguments)) AS calls
  FROM spans
  SEMI JOIN (FROM pairs WHERE shared >= min_shared) AS pairs USING (trace_id, agent_name)
  WHERE operation_name = 'execute_tool'
  GROUP BY ALL
),
-- Of short results, those that are no mere receipts.
telling AS (
  SELECT trace_id, agent_name, other, count(*) FILTER (NOT coalesce(_is_receipt(tool_call_result), false)) AS shared_telling
  FROM (SELECT trace_id, agent_name, other, unnest(places)[2] AS preorder FROM pairs WHERE shared >= 2 * min_shared) AS shared
  JOIN (SELECT preorder, tool_call_result FROM spans) USING (preorder)
  GROUP BY ALL
),
-- Of several agents that did the same before, the one with most in common.
told AS (
  SELECT *
  FROM pairs
  JOIN busy USING (trace_id, agent_name)
  LEFT JOIN telling USING (trace_id, agent_name, other)
  WHERE (shared_long >= min_shared AND shared_long >= min_share * calls) OR (shared_telling >= 2 * min_shared AND shared_telling >= 0.9 * calls)
  QUALIFY row_number() OVER (PARTITION BY trace_id, agent_name ORDER BY shared DESC, other) = 1
),
shown AS (
  SELECT
    told.trace_id, told.agent_name, other, shared, calls, is_after,
    list(span_id ORDER BY preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      s.agent_name || ': ' || tool_name || ' ' || _short(tool_call_arguments, 120) || ' → ' || _short(tool_call_result, 80)) ORDER BY preorder) AS evidence
  FROM (SELECT *, unnest(flatten(places)) AS place FROM told) AS told
  JOIN spans AS s ON s.preorder = place
  GROUP BY ALL
),
asked AS (
  SELECT DISTINCT told.trace_id, told.agent_name, model.preorder, model.tokens, model.cost_nano_usd
  FROM (
    SELECT told.trace_id, told.agent_name, s.start_time AS start_time
    FROM (SELECT trace_id, agent_name, unnest(places)[2] AS place FROM told) AS told
    JOIN spans AS s ON s.preorder = place
  ) AS told
  ASOF JOIN (
    SELECT trace_id, agent_name, start_time, preorder, coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0) AS tokens, cost_nano_usd
    FROM usage_ledger
    WHERE is_counted AND start_time IS NOT NULL AND agent_name IS NOT NULL
  ) AS model
    ON model.trace_id = told.trace_id AND model.agent_name = told.agent_name AND model.start_time <= told.start_time
)
SELECT
  'candidate' AS tier, 'warning' AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} of the {} different tool calls of {} {} by {}{}, with the same results.', shared, calls, agent_name, CASE WHEN is_after THEN 'had been made' ELSE 'were made' END,
    other, CASE WHEN is_after THEN ' before' ELSE ' as well' END) AS summary,
  evidence[:20] AS evidence,
  (SELECT _whole(sum(tokens)) FROM asked WHERE asked.trace_id = shown.trace_id AND asked.agent_name = shown.agent_name) AS tokens_wasted,
  (SELECT sum(cost_nano_usd) / 1e9 FROM asked WHERE asked.trace_id = shown.trace_id AND asked.agent_name = shown.agent_name) AS cost_usd_wasted
FROM shown;

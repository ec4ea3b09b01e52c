-- Where tokens may have gone in vain, in one list.
-- include: lens.sentences
-- include: flow.resources
-- include: messages.span_messages
-- include: tokens.abandoned_branches
-- include: tokens.cache_misses
-- include: tokens.message_carriage
-- include: tokens.inside

-- Possible waste, each with its evidence and the way in which it may have been right. Kinds overlap: rank them, never add them up.
-- `finding` rows appear once `al.detect()` has run.
CREATE VIEW token_waste (
  -- `carried along` (a tool result of at least 500 tokens that stood in at least 5 more calls), `read again` (an unchanged thing read
  -- again by the same agent), `cache miss` (by cause), `failed run` (an agent's run that ended in error), `abandoned branch` (see
  -- `abandoned_branches`), `unused output` (a tool result of at least 500 tokens of which no name, number or path is met again in what
  -- the agent said or did), or a detector's name.
  kind,
  -- The agent.
  agent_name,
  -- Trace it stands in.
  trace_id,
  -- The spans it rests on.
  span_ids,
  -- When it began (UTC).
  start_time,
  -- What happened, in one sentence.
  summary,
  -- Tokens that may have gone in vain.
  tokens,
  -- Their money in USD; NULL where there is no price.
  cost_usd,
  -- True where the tokens are apportioned by bytes and not metered.
  is_estimated,
  -- How it may have been right.
  legitimate_if
) AS
WITH results AS (
  SELECT carriage.*, calls.preorder AS tool_preorder, calls.span_id AS tool_span_id
  FROM message_carriage AS carriage
  JOIN (SELECT message_hash, unnest(json_extract_string(parts, '$[*].id')) AS tool_call_id FROM messages WHERE role = 'tool') USING (message_hash)
  JOIN (
    SELECT tool_call_id, trace_id, any_value(span_id) AS span_id, min(preorder) AS preorder
    FROM spans
    WHERE tool_call_id IS NOT NULL AND operation_name = 'execute_tool'
    GROUP BY ALL
  ) AS calls USING (tool_call_id, trace_id)
),
-- Since an agent last read a thing: was it written, by anyone?
touches AS (
  SELECT
    t.*, s.preorder AS place, hash(s.tool_call_result) AS result, s.tool_call_result IS NOT NULL AS has_result, s.tool_call_arguments AS asked,
    count(*) FILTER (access = 'write') OVER (PARTITION BY t.trace_id, t.resource ORDER BY t.start_time, s.preorder) AS writes
  FROM resource_touches AS t
  JOIN spans AS s ON s.trace_id = t.trace_id AND s.span_id = t.span_id
),
read_again AS (
  SELECT *
  FROM (
    SELECT *, lag(result) OVER before AS result_before, lag(writes) OVER before AS writes_before, lag(span_id) OVER before AS span_id_before
    FROM touches
    WHERE access = 'read' AND has_result
    WINDOW before AS (PARTITION BY trace_id, agent_name, resource, asked ORDER BY start_time, place)
  )
  WHERE result = result_before AND writes = writes_before
),
-- What an agent said and asked for, by the names, numbers and paths in it, with the last moment of each.
said AS (
  SELECT agent_name, conversation_id, word, max(start_time) AS last_time
  FROM (
    SELECT calls.agent_name, calls.conversation_id, spans.start_time, unnest(_values_of(_message_text(parts))) AS word
    FROM _context_calls(NULL, NULL) AS calls
    JOIN spans USING (preorder)
    JOIN span_messages AS sent ON sent.trace_id = calls.trace_id AND sent.span_id = calls.span_id
    JOIN messages USING (message_hash)
    WHERE direction = 'output'
  )
  GROUP BY ALL
),
large AS (
  SELECT results.*, _values_of(_message_text(parts)) AS words
  FROM results
  JOIN (SELECT message_hash, parts FROM messages) USING (message_hash)
  WHERE first_tokens >= 500 AND calls >= 2
),
used AS (
  SELECT DISTINCT large.preorder, large.message_hash
  FROM (SELECT preorder, message_hash, agent_name, conversation_id, start_time, unnest(words) AS word FROM large) AS large
  JOIN said USING (conversation_id, word)
  WHERE said.agent_name IS NOT DISTINCT FROM large.agent_name AND last_time >= large.start_time
),
unused AS (
  FROM large ANTI JOIN used USING (preorder, message_hash) WHERE len(words) >= 5
)
SELECT
  'carried along' AS kind, agent_name, trace_id, [tool_span_id, first_span_id, last_span_id] AS span_ids, start_time,
  format('A result of {} ({}) stood in {}.', coalesce(tool_name, 'a tool'), _plural(first_tokens, 'token'), _plural(calls - 1, 'more call')) AS summary,
  carried_tokens AS tokens, carried_cost_usd AS cost_usd, true AS is_estimated,
  'the agent went on using what the result says' AS legitimate_if
FROM results
WHERE first_tokens >= 500 AND calls > 5
UNION ALL
SELECT
  'unused output', agent_name, trace_id, [tool_span_id, first_span_id, last_span_id], start_time,
  format('Nothing in a result of {} ({:,} tokens) is met again in what {} said or did after it.', coalesce(tool_name, 'a tool'), first_tokens,
    coalesce(agent_name, 'the agent')),
  first_tokens + carried_tokens, first_cost_usd + carried_cost_usd, true, 'it told the agent that there is nothing to find, or was read without being quoted'
FROM unused
UNION ALL
SELECT
  'read again', read_again.agent_name, read_again.trace_id, [span_id_before, read_again.span_id], read_again.start_time,
  format('{} read {} again, unchanged.', coalesce(read_again.agent_name, 'An agent'), resource),
  first_tokens + carried_tokens, first_cost_usd + carried_cost_usd, true, 'the first reading had dropped out of the window'
FROM read_again
LEFT JOIN results ON results.tool_preorder = read_again.place
UNION ALL
SELECT
  'cache miss', agent_name, trace_id, [span_id_before, span_id], start_time,
  format('{:,} cached tokens were paid again: {} ({}).', missed_tokens, cause, detail), missed_tokens, cost_usd, false,
  CASE cause
    WHEN 'model switched' THEN 'the other model was needed'
    WHEN 'tools changed' THEN 'the tools were needed'
    WHEN 'prefix edited' THEN 'the window was compacted and became smaller'
    WHEN 'evicted' THEN 'the provider keeps no promise to keep a cache'
    ELSE 'the pause was for a person or a slow tool'
  END
FROM cache_misses
UNION ALL
SELECT
  'failed run', agent_name, trace_id, [span_id], start_time,
  format('A run of {} ended in error{}.', coalesce(agent_name, 'an agent'), coalesce(': ' || left(status_message, 120), '')),
  _whole(tokens), cost_nano_usd / 1e9, false, 'what it left behind was used by a later run'
FROM spans
JOIN _subtree_usage USING (preorder)
WHERE operation_name = 'invoke_agent' AND status_code = 'ERROR' AND NOT is_control_flow AND tokens > 0
UNION ALL
SELECT
  'abandoned branch', agent_name, trace_id, list_distinct([span_ids[1], span_ids[-1], next_span_id]), start_time,
  CASE kind
    WHEN 'went back' THEN format('{} left behind when the conversation went back to an earlier message.', _plural(calls, 'call') || CASE WHEN calls = 1 THEN ' was' ELSE ' were' END)
    ELSE format('{} at the end of a conversation {} left behind when a fork from before {} took its place.', _plural(calls, 'call'),
      CASE WHEN calls = 1 THEN 'was' ELSE 'were' END, CASE WHEN calls = 1 THEN 'it' ELSE 'them' END)
  END,
  tokens, cost_usd, false, 'what it found or wrote was used all the same: files that were changed in it stay changed'
FROM abandoned_branches
UNION ALL
SELECT
  detector, agent_name, trace_id, span_ids, start_time, summary, tokens_wasted, cost_usd_wasted, false,
  'it was on purpose: see the page of the detector'
FROM findings
WHERE tokens_wasted > 0 AND detector NOT IN ('budget_breach', 'cache_miss_storm');

-- Work that was left behind when a conversation went back and took another way.
-- include: messages.context_calls
-- include: messages.span_messages
-- include: messages.texts
-- include: tokens.usage_ledger

-- Every time a conversation went back to an earlier message and went on from there with other words, with the calls whose answers were thereby
-- dropped; and every conversation that was not gone on with after another had been forked from before its end. Known from what a log says of
-- the order of its messages, so only for logs that keep a tree (Claude Code, Gemini CLI, pi, OpenClaw) or link a fork to what it was forked from; a compaction
-- is none, for it keeps what it drops as a summary.
CREATE VIEW abandoned_branches (
  -- `went back` (within a conversation) or `forked` (the rest of a conversation, after a fork took its place).
  kind,
  -- The agent.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- Trace of the abandoned calls.
  trace_id,
  -- The calls that were left behind, first to last.
  span_ids,
  -- The first call on the other way.
  next_span_id,
  -- When the first call that was left behind began (UTC).
  start_time,
  -- When the first call on the other way began (UTC).
  left_time,
  -- Number of calls that were left behind.
  calls,
  -- Their input and output tokens.
  tokens,
  -- Their money in USD, as far as it is priced.
  cost_usd
) AS
WITH trees AS (SELECT source_id FROM sources WHERE format IN ('claude_code', 'gemini_cli', 'pi')),
calls AS (
  SELECT calls.*, lead(span_id) OVER thread AS next_span_id, lead(trace_id) OVER thread AS next_trace_id
  FROM _context_calls(NULL, NULL) AS calls
  JOIN (SELECT preorder, source_id FROM spans) USING (preorder)
  JOIN trees USING (source_id)
  WINDOW thread AS (PARTITION BY agent_name, conversation_id, run_preorder ORDER BY call_index)
),
answers AS (
  SELECT calls.preorder, message_hash
  FROM calls
  JOIN span_messages AS sent ON sent.trace_id = calls.trace_id AND sent.span_id = calls.span_id
  WHERE direction = 'output'
),
-- Calls whose answer does not stand in the window of the next call.
dropped AS MATERIALIZED (
  SELECT calls.*
  FROM calls
  WHERE next_span_id IS NOT NULL AND preorder IN (SELECT preorder FROM answers) AND preorder NOT IN (
    SELECT answers.preorder
    FROM answers
    JOIN calls USING (preorder)
    JOIN span_messages AS sent ON sent.trace_id = next_trace_id AND sent.span_id = next_span_id AND sent.message_hash = answers.message_hash
    WHERE direction = 'input'
  )
),
windows AS (
  SELECT preorder, is_next, list(message_hash ORDER BY position) AS hashes
  FROM dropped, (VALUES (true), (false)) AS side(is_next)
  JOIN span_messages AS sent ON sent.trace_id = CASE WHEN is_next THEN next_trace_id ELSE dropped.trace_id END
    AND sent.span_id = CASE WHEN is_next THEN next_span_id ELSE dropped.span_id END
  WHERE direction = 'input'
  GROUP BY ALL
),
laid_over AS (
  SELECT
    preorder, was, becomes,
    coalesce(list_position(list_transform(range(1, len(was) + 1), lambda i: was[i] IS DISTINCT FROM becomes[i]), true) - 1, len(was)) AS shared
  FROM (
    SELECT preorder, any_value(hashes) FILTER (NOT is_next) AS was, any_value(hashes) FILTER (is_next) AS becomes
    FROM windows
    GROUP BY preorder
  )
  WHERE was IS NOT NULL AND becomes IS NOT NULL
),
-- They share a beginning, and what follows it in the next window is all new and no summary.
turns_back AS (
  SELECT preorder, was[shared + 1:] AS left_behind
  FROM laid_over
  JOIN messages AS first_new ON first_new.message_hash = becomes[shared + 1]
  WHERE shared >= 1 AND len(becomes) > shared AND NOT list_has_any(becomes[shared + 1:], was) AND first_new.role = 'user'
    AND NOT coalesce(_says_summary(_message_text(first_new.parts)), false)
),
left_calls AS (
  SELECT turns_back.preorder AS turn, earlier.preorder
  FROM turns_back
  JOIN dropped USING (preorder)
  JOIN calls AS earlier ON earlier.agent_name IS NOT DISTINCT FROM dropped.agent_name AND earlier.conversation_id = dropped.conversation_id
    AND earlier.run_preorder IS NOT DISTINCT FROM dropped.run_preorder AND earlier.call_index <= dropped.call_index
  JOIN answers ON answers.preorder = earlier.preorder
  WHERE earlier.preorder = turns_back.preorder OR list_contains(left_behind, answers.message_hash)
  GROUP BY ALL
),
forks AS (
  SELECT DISTINCT trace_id AS fork, linked_trace_id AS parent FROM span_links WHERE attributes->>'$."agentlens.relation"' = 'forked from'
  UNION
  -- Two sessions share calls; which of them was forked shows by who went on alone.
  SELECT DISTINCT a.trace_id, b.trace_id
  FROM (SELECT DISTINCT usage_key FROM usage_ledger WHERE role = 'fork prefix')
  JOIN usage_ledger AS a USING (usage_key)
  JOIN usage_ledger AS b USING (usage_key)
  WHERE a.trace_id <> b.trace_id
),
-- The first call of a fork that is its own.
fork_calls AS (
  SELECT fork, parent, arg_min(span_id, start_time) AS span_id, arg_min(agent_name, start_time) AS agent_name, min(start_time) AS start_time
  FROM forks
  JOIN usage_ledger AS own ON own.trace_id = fork
  WHERE is_counted AND role = 'leaf' AND NOT EXISTS (FROM usage_ledger AS same WHERE same.trace_id = parent AND same.usage_key = own.usage_key)
  GROUP BY ALL
),
-- The last call of the parent whose answer the fork took along.
fork_points AS (
  SELECT fork_calls.*, max(call.start_time) AS shared_until
  FROM fork_calls
  JOIN usage_ledger AS call ON call.trace_id = parent AND call.agent_name IS NOT DISTINCT FROM fork_calls.agent_name
  JOIN span_messages AS said ON said.trace_id = call.trace_id AND said.span_id = call.span_id AND said.direction = 'output'
  JOIN span_messages AS sent ON sent.trace_id = fork AND sent.span_id = fork_calls.span_id AND sent.message_hash = said.message_hash
  WHERE sent.direction = 'input'
  GROUP BY ALL
)
SELECT
  'went back', dropped.agent_name, dropped.conversation_id, any_value(ledger.trace_id), list(ledger.span_id ORDER BY call.call_index), any_value(dropped.next_span_id),
  min(ledger.start_time), any_value(next.start_time), count(*), _whole(sum(coalesce(ledger.input_tokens, 0)::HUGEINT + coalesce(ledger.output_tokens, 0))),
  sum(ledger.cost_nano_usd) / 1e9
FROM left_calls
JOIN dropped ON dropped.preorder = left_calls.turn
JOIN calls AS call ON call.preorder = left_calls.preorder
JOIN usage_ledger AS ledger ON ledger.preorder = left_calls.preorder AND ledger.is_counted
LEFT JOIN spans AS next ON next.trace_id = dropped.next_trace_id AND next.span_id = dropped.next_span_id
GROUP BY left_calls.turn, dropped.agent_name, dropped.conversation_id
UNION ALL
SELECT
  'forked', fork_points.agent_name, any_value(coalesce(rest.conversation_id, rest.trace_id)), parent, list(rest.span_id ORDER BY rest.start_time),
  any_value(fork_points.span_id), min(rest.start_time), any_value(fork_points.start_time), count(*),
  _whole(sum(coalesce(rest.input_tokens, 0)::HUGEINT + coalesce(rest.output_tokens, 0))), sum(rest.cost_nano_usd) / 1e9
FROM fork_points
JOIN usage_ledger AS rest ON rest.trace_id = parent AND rest.agent_name IS NOT DISTINCT FROM fork_points.agent_name AND rest.start_time > shared_until
WHERE rest.is_counted AND rest.role = 'leaf'
GROUP BY fork, parent, fork_points.agent_name
HAVING max(rest.start_time) < any_value(fork_points.start_time);

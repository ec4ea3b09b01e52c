-- An agent that lost what it knew.
-- include: messages.context_growth
-- include: detectors.missing_brief
-- include: detectors.evidence

-- Why context collapse cannot be looked for; no reason when all is there.
CREATE VIEW _needs_context_collapse (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  sent > 0 AND missing_brief.can_look,
  CASE
    WHEN sent = 0 THEN 'no model call has its input messages recorded'
    ELSE missing_brief.reason
  END
FROM (SELECT count(*) AS sent FROM span_messages WHERE direction = 'input'), _needs_missing_brief AS missing_brief;

-- Most of an agent's conversation is dropped between two calls, and the work it hands over after that lacks what it handed over before.
--
-- Means: a summary, a limit or a cut took the facts away, and the agent went on without them. Matters: it is the cause; what its helpers guess is
-- the effect. Fires when a call holds less than `1 - min_share_dropped` of the bytes of the call before it and delegations of the same agent later in
-- the trace are findings of missing_brief. One finding a cut. Tier proven, severity critical.
-- Leaves alone: compactions after which nothing is missing; a new conversation.
-- Misses: lost facts that were never part of a brief; calls whose messages are not logged.
-- scope: trace
-- version: 1
CREATE MACRO detect_context_collapse(min_share_dropped := 0.5) AS TABLE
WITH poorer AS (FROM _missing_parts(5, 0.9)),
calls AS (
  SELECT
    *, lag(message_bytes) OVER in_order AS bytes_before, lag(messages) OVER in_order AS messages_before, lag(span_id) OVER in_order AS span_before
  FROM context_growth
  WHERE messages IS NOT NULL AND start_time IS NOT NULL
  WINDOW in_order AS (PARTITION BY agent_name, conversation_id ORDER BY call_number)
),
cuts AS (
  SELECT calls.*, lead(start_time) OVER (PARTITION BY trace_id, agent_name ORDER BY start_time, preorder) AS next_cut
  FROM calls
  WHERE bytes_dropped >= min_share_dropped * bytes_before
),
told AS (
  SELECT
    cuts.trace_id, cuts.agent_name, cuts.span_id, cuts.span_before, cuts.start_time, cuts.bytes_dropped, cuts.messages_dropped,
    bytes_before, max(poorer.start_time) AS end_time, list(poorer.span_id ORDER BY poorer.start_time) AS poorer_span_ids,
    list_sort(list_distinct(flatten(list(missing)))) AS missing, list(coalesce(to_agent, 'an agent') ORDER BY poorer.start_time) AS receivers,
    list(poorer.preorder ORDER BY poorer.start_time) AS places
  FROM cuts
  JOIN poorer ON poorer.trace_id = cuts.trace_id AND poorer.from_agent = cuts.agent_name AND poorer.start_time >= cuts.start_time
    AND (next_cut IS NULL OR poorer.start_time < next_cut)
  GROUP BY ALL
),
proof AS (
  SELECT
    told.trace_id, told.span_id,
    list(_evidence(spans.source_id, spans.source_line, spans.source_offset, spans.source_length, spans.span_id,
      'brief afterwards: ' || spans.tool_call_arguments) ORDER BY spans.start_time) AS evidence
  FROM (SELECT trace_id, span_id, unnest(places) AS preorder FROM told) AS told
  JOIN spans USING (preorder)
  GROUP BY ALL
)
SELECT
  'proven' AS tier, 'critical' AS severity, told.trace_id, told.agent_name, list_concat([span_before, told.span_id], poorer_span_ids) AS span_ids,
  told.start_time, told.end_time,
  format('{} lost {} messages ({} of {} bytes) of its conversation at {}; its briefs to {} after that lack {}.', told.agent_name, messages_dropped,
    bytes_dropped, bytes_before, _clock(told.start_time), array_to_string(receivers, ', '), array_to_string(missing, ', ')) AS summary,
  list_concat([
    _evidence(before.source_id, before.source_line, before.source_offset, before.source_length, span_before, format('the last call that had them: {} bytes of messages', bytes_before)),
    _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, told.span_id, format('the call without {} of them', messages_dropped))
  ], proof.evidence) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
JOIN proof USING (trace_id, span_id)
JOIN spans AS here ON here.trace_id = told.trace_id AND here.span_id = told.span_id
JOIN spans AS before ON before.trace_id = told.trace_id AND before.span_id = span_before;

-- An agent that lost what it knew.
-- include: lens.sentences
-- include: messages.context_growth
-- include: detectors.forgotten_facts
-- include: detectors.missing_brief
-- include: detectors.evidence
-- include: messages.span_messages

-- By what answers of tools are compared: whether they say the same, however long a program took. Of a short one, what a program says of itself may be all there is.
CREATE MACRO _answer_hash(answer) AS hash(CASE WHEN length(answer) >= 200 THEN _without_clock(answer) ELSE answer END);

-- Why context collapse cannot be looked for, or what is not seen; no reason when all is there.
CREATE VIEW _needs_context_collapse (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  sent > 0 AND timed > 0,
  CASE
    WHEN sent = 0 THEN 'no model call has its input messages recorded'
    WHEN timed = 0 THEN 'no model call has a time recorded'
    ELSE nullif(concat_ws('; ',
      _untimed('model calls', calls, timed),
      _unjudged('model calls', calls, greatest(calls - sent, 0), 'no input messages recorded'),
      CASE WHEN NOT missing_brief.can_look THEN 'only what was asked for again was looked at: ' || missing_brief.reason END), '')
  END
FROM (
    SELECT count(*) AS calls, count(start_time) AS timed, count(*) FILTER ((trace_id, span_id) IN (SELECT (trace_id, span_id) FROM span_message_ranges WHERE direction = 'input')) AS sent
    FROM spans
    WHERE operation_name IN ('chat', 'generate_content', 'text_completion')
  ),
  _needs_missing_brief AS missing_brief;

-- Model calls whose window holds less than `1 - min_share_dropped` of the bytes of the window before it. An agent that is sent for once more by another, or anew in
-- the same trace, begins a new conversation: nothing was cut there.
CREATE MACRO _window_cuts(min_share_dropped) AS TABLE
WITH calls AS MATERIALIZED (
  SELECT trace_id, span_id, agent_name, start_time, preorder, preorder_before, message_bytes, messages_dropped, bytes_dropped
  FROM context_growth
  WHERE messages IS NOT NULL AND start_time IS NOT NULL
),
cuts AS MATERIALIZED (
  SELECT calls.*, before.trace_id AS trace_before, before.span_id AS span_before, before.message_bytes AS bytes_before
  FROM calls
  JOIN calls AS before ON before.preorder = calls.preorder_before
  WHERE calls.bytes_dropped >= min_share_dropped * before.message_bytes
),
begun AS (
  SELECT cuts.preorder, run.preorder AS run_preorder
  FROM cuts
  JOIN (SELECT trace_id, agent_name, conversation_id, preorder, subtree_end FROM spans WHERE operation_name = 'invoke_agent') AS run
    ON run.trace_id = cuts.trace_id AND run.agent_name IS NOT DISTINCT FROM cuts.agent_name AND run.preorder > preorder_before AND run.preorder < cuts.preorder AND run.subtree_end > cuts.preorder
  LEFT JOIN (SELECT trace_id, preorder, subtree_end FROM spans WHERE operation_name IN ('invoke_agent', 'execute_tool')) AS above
    ON above.trace_id = run.trace_id AND above.preorder < run.preorder AND above.subtree_end > run.preorder
  -- A person who goes on talking begins a new run too, in the same conversation.
  WHERE conversation_id IS NULL OR above.preorder IS NOT NULL
)
SELECT *, lead(start_time) OVER (PARTITION BY trace_id, agent_name ORDER BY start_time, preorder) AS next_cut
FROM cuts
WHERE preorder NOT IN (SELECT preorder FROM begun);

-- Most of an agent's conversation is dropped between two calls, and the work it hands over after that lacks what it handed over before.
--
-- Means: a summary, a limit or a cut took the facts away, and the agent went on without them. Matters: it is the cause; what its helpers guess is
-- the effect. Fires when a call holds less than `1 - min_share_dropped` of the bytes of the call before it and delegations of the same agent later in
-- the trace are findings of missing_brief: severity critical. Fires as well when an agent asks a tool again, with the same arguments, for an answer that
-- the cut had taken out of its window, and gets the same answer: severity warning from three such calls on, else info. One finding a cut. Tier proven. Tier candidate, severity
-- warning: a value in the words of a user (an identifier, a date) that every call of a tool had carried, three at least, left the window, and no call carries it any more.
-- Example: after a summary, the three files that had been read are read again, unchanged.
-- Leaves alone: compactions after which nothing is missing; a new conversation, also of an agent that is sent for once more; answers that have changed since; values that another
-- one of their form takes the place of; work in other words.
-- Misses: lost facts that were never part of a brief or of three calls, and were not asked for again; calls whose messages are not logged.
-- Do: keep facts and constraints in the summary, or in a file that is read again on purpose.
-- scope: trace
-- version: 5
CREATE MACRO detect_context_collapse(min_share_dropped := 0.5) AS TABLE
WITH poorer AS (FROM _missing_parts(5, 0.9)),
cuts AS MATERIALIZED (FROM _window_cuts(min_share_dropped)),
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
),
-- Tool calls that were made more than once with the same arguments and the same answer. They are few, and only what a cut took of these can have been asked for
-- again: no other message of any window is read.
alike AS MATERIALIZED (
  SELECT trace_id, agent_name, tool_name, hash(tool_call_arguments) AS arguments, _answer_hash(tool_call_result) AS answer, max(start_time) AS last_time
  FROM spans
  WHERE operation_name = 'execute_tool' AND tool_call_arguments IS NOT NULL AND length(tool_call_result) >= 40
  GROUP BY ALL
  HAVING count(*) > 1
),
repeated AS MATERIALIZED (
  SELECT call.trace_id, call.agent_name, call.tool_name, arguments, answer, preorder, tool_call_id, status_code, start_time, end_time
  FROM spans AS call
  JOIN alike ON alike.trace_id = call.trace_id AND alike.agent_name IS NOT DISTINCT FROM call.agent_name AND alike.tool_name IS NOT DISTINCT FROM call.tool_name
    AND arguments = hash(tool_call_arguments) AND answer = _answer_hash(tool_call_result)
  WHERE operation_name = 'execute_tool'
),
-- What tools had answered, as far as it left the window. Answers are long: they are compared by their hashes.
lost AS (
  SELECT trace_id, span_id, agent_name, start_time, next_cut, part->>'$.id' AS tool_call_id, _answer_hash(part->>'$.response') AS answer
  FROM (
    SELECT missing.*, unnest(json_extract(parts, '$[*]')) AS part
    FROM (
      SELECT cuts.trace_id, cuts.span_id, cuts.agent_name, cuts.start_time, next_cut, message_hash
      FROM cuts
      SEMI JOIN alike ON alike.trace_id = cuts.trace_id AND last_time >= cuts.start_time
      JOIN span_messages AS before ON before.trace_id = trace_before AND before.span_id = span_before AND before.direction = 'input'
    ) AS missing
    ANTI JOIN (FROM span_messages WHERE direction = 'input') USING (trace_id, span_id, message_hash)
    JOIN messages USING (message_hash)
    WHERE contains(parts::VARCHAR, '"tool_call_response"')
  )
),
-- The call that had brought what was lost: by the id of the call; where the log gives tool calls none, by their answer.
brought AS (
  SELECT lost.span_id AS cut_span_id, lost.start_time AS cut_time, next_cut, first.*
  FROM lost
  JOIN repeated AS first ON first.trace_id = lost.trace_id AND first.tool_call_id = lost.tool_call_id
  UNION ALL
  SELECT lost.span_id, lost.start_time, next_cut, first.*
  FROM lost
  JOIN repeated AS first ON first.trace_id = lost.trace_id AND first.answer = lost.answer
  WHERE first.tool_call_id IS NULL AND first.agent_name IS NOT DISTINCT FROM lost.agent_name AND first.start_time < lost.start_time
),
-- Tool calls after a cut that ask again, with the same arguments, for what had stood in the window before the cut, and get the same answer.
asked_again AS (
  SELECT DISTINCT first.trace_id, cut_span_id AS span_id, again.preorder, first.tool_name
  FROM brought AS first
  JOIN repeated AS again
    ON again.trace_id = first.trace_id AND again.agent_name IS NOT DISTINCT FROM first.agent_name AND again.tool_name = first.tool_name
      AND again.arguments = first.arguments AND again.answer = first.answer
  WHERE again.start_time >= cut_time AND (next_cut IS NULL OR again.start_time < next_cut) AND again.status_code <> 'ERROR'
)
SELECT
  'proven' AS tier, 'critical' AS severity, told.trace_id, told.agent_name, list_concat([span_before, told.span_id], poorer_span_ids) AS span_ids,
  told.start_time, told.end_time,
  format('{} lost {} ({:,} of {:,} bytes) of its conversation at {}; its briefs to {} after that lack {}.', told.agent_name, _plural(messages_dropped, 'message'),
    bytes_dropped, bytes_before, _clock(told.start_time), array_to_string(receivers, ', '), array_to_string(missing, ', ')) AS summary,
  list_concat([
    _evidence(before.source_id, before.source_line, before.source_offset, before.source_length, span_before, format('the last call that had them: {:,} bytes of messages', bytes_before)),
    _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, told.span_id, format('the call without {} of them', messages_dropped))
  ], proof.evidence) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
JOIN proof USING (trace_id, span_id)
JOIN spans AS here ON here.trace_id = told.trace_id AND here.span_id = told.span_id
JOIN spans AS before ON before.trace_id = told.trace_id AND before.span_id = span_before
UNION ALL
SELECT
  'proven', CASE WHEN count(*) >= 3 THEN 'warning' ELSE 'info' END, cut.trace_id, cut.agent_name,
  list_concat([any_value(span_before), cut.span_id], list(repeated.span_id ORDER BY repeated.preorder)), cut.start_time, max(repeated.end_time),
  format('{} lost {:,} of {:,} bytes of its conversation at {} and then asked again for what it had known ({}).', coalesce(cut.agent_name, 'An agent'),
    any_value(bytes_dropped), any_value(bytes_before), _clock(cut.start_time), _short(array_to_string(list_sort(list(DISTINCT again.tool_name)), ', '), 80)),
  list_concat(
    [_evidence(any_value(here.source_id), any_value(here.source_line), any_value(here.source_offset), any_value(here.source_length), cut.span_id,
      format('the call without {} of the messages before', any_value(cut.messages_dropped)))],
    list(_evidence(repeated.source_id, repeated.source_line, repeated.source_offset, repeated.source_length, repeated.span_id,
      'asked again: ' || repeated.tool_name || ' ' || repeated.tool_call_arguments) ORDER BY repeated.preorder)[:20]),
  NULL, NULL
FROM asked_again AS again
JOIN cuts AS cut USING (trace_id, span_id)
JOIN spans AS repeated ON repeated.preorder = again.preorder
JOIN spans AS here ON here.trace_id = cut.trace_id AND here.span_id = cut.span_id
WHERE (cut.trace_id, cut.span_id) NOT IN (SELECT (trace_id, span_id) FROM told)
GROUP BY cut.trace_id, cut.span_id, cut.agent_name, cut.start_time
UNION ALL
SELECT
  'candidate', 'warning', cut.trace_id, cut.agent_name, list_concat([any_value(span_before), cut.span_id], list(poorer.span_id ORDER BY poorer.preorder))[:50], cut.start_time, max(poorer.start_time),
  format('{} lost {:,} of {:,} bytes of its conversation at {}; no call of {} after that has what all had carried before: {}.', coalesce(cut.agent_name, 'An agent'), any_value(bytes_dropped),
    any_value(bytes_before), _clock(cut.start_time), _short(array_to_string(list_sort(list(DISTINCT poorer.tool_name)), ', '), 80), array_to_string(list_sort(list_distinct(flatten(list(lacking))))[:6], ', ')),
  list_prepend(
    _evidence(any_value(here.source_id), any_value(here.source_line), any_value(here.source_offset), any_value(here.source_length), cut.span_id,
      format('the call without {} of the messages before', any_value(cut.messages_dropped))),
    list(_evidence(poorer.source_id, poorer.source_line, poorer.source_offset, poorer.source_length, poorer.span_id,
      'without it: ' || poorer.tool_name || ' ' || poorer.tool_call_arguments) ORDER BY poorer.preorder)[:20]),
  NULL, NULL
FROM (SELECT cut, place, list(value) AS lacking FROM (SELECT cut, value, unnest(places) AS place FROM _forgotten_facts('cuts')) GROUP BY ALL) AS forgotten
JOIN cuts AS cut ON cut.preorder = forgotten.cut
JOIN spans AS poorer ON poorer.preorder = place
JOIN spans AS here ON here.preorder = cut.preorder
WHERE (cut.trace_id, cut.span_id) NOT IN (SELECT (trace_id, span_id) FROM told UNION ALL SELECT (trace_id, span_id) FROM asked_again)
GROUP BY cut.trace_id, cut.span_id, cut.agent_name, cut.start_time;

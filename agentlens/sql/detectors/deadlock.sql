-- Agents that wait for one another.
-- include: spans.errors
-- include: agents.handoffs
-- include: detectors.off_matrix_delegation
-- include: detectors.evidence

-- Whether a text says that its speaker waits for something.
CREATE MACRO _says_waiting(text) AS
regexp_matches(text, '\b(wait(ing|s|ed)?|await(ing|s)?|blocked|blocks? (me|us)|stuck|pending|on hold|hold(ing)? (off )?(until|for)|need(s|ed)? .{1,80}\b(from|before|first)|until|before (i|we) can|can(no|'')?t (start|proceed|continue|go on)|depend(s|ing|ent)? on)\b', 'i');

-- The agent that a call waits for, where its attributes or arguments name one.
CREATE MACRO _awaited(arguments, attributes) AS
coalesce(
  attributes->>'$.waiting_for', attributes->>'$.waiting_on', attributes->>'$.blocked_by', attributes->>'$.blocked_on', attributes->>'$."wait.for"',
  CASE WHEN json_valid(arguments) THEN coalesce(
    arguments->>'$.waiting_for', arguments->>'$.waiting_on', arguments->>'$.wait_for', arguments->>'$.blocked_by', arguments->>'$.blocked_on',
    arguments->>'$.agent', arguments->>'$.agent_name', arguments->>'$.recipient', arguments->>'$.from', arguments->>'$.to', arguments->>'$.target') END);

-- Every wait of one agent for another: who, for whom, from when to when (NULL: no end is known), told by what.
CREATE VIEW _waits (
  -- The agent that waits.
  waiter,
  -- The agent it waits for.
  awaited,
  -- Since when (UTC).
  start_time,
  -- Until when (UTC); NULL when the log shows no end.
  end_time,
  -- `report`, `span` or `message`.
  told_by,
  -- What says so.
  says,
  -- Trace, where known.
  trace_id,
  -- Span, where known.
  span_id,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
WITH words AS (
  SELECT *, starts_with(status, 'BLOCKED') OR starts_with(status, 'WAITING') AS is_waiting
  FROM status_reports
  WHERE agent_name IS NOT NULL AND time IS NOT NULL AND status IS NOT NULL
),
stretches AS (
  SELECT *, count(*) FILTER (NOT is_waiting) OVER (PARTITION BY agent_name ORDER BY time, is_waiting DESC, source_id, source_offset) AS stretch
  FROM words
),
reported AS (
  SELECT
    stretches.*, concat_ws('; ', detail, array_to_string(blockers, '; ')) AS text,
    (SELECT min(free.time) FROM words AS free WHERE free.agent_name = stretches.agent_name AND NOT free.is_waiting AND free.time > stretches.time) AS free_time
  FROM stretches
  WHERE is_waiting
),
names AS (SELECT DISTINCT agent_name FROM agents),
tools AS (
  SELECT *, coalesce(CASE WHEN _is_handoff_tool(tool_name) THEN _handoff_target(operation_name, name, tool_name, tool_call_arguments) END,
    _awaited(tool_call_arguments, attributes)) AS target
  FROM spans
  WHERE start_time IS NOT NULL AND agent_name IS NOT NULL
    AND (operation_name = 'execute_tool' OR operation_name IS NULL)
    AND (end_time IS NULL OR (status_code = 'ERROR' AND error_class(error_type, coalesce(status_message, left(tool_call_result, 300)), operation_name) = 'time-out'))
    AND (_is_handoff_tool(tool_name) OR regexp_matches(coalesce(tool_name, name), 'wait|await|ask|request|reply|lock|acquire|join|blocked|sync', 'i')
      OR regexp_matches(attributes::VARCHAR, '"(waiting_for|waiting_on|blocked_by|blocked_on|wait\.for)"'))
)
SELECT
  reported.agent_name, names.agent_name, time, free_time, 'report', status || coalesce(': ' || nullif(text, ''), ''), NULL, NULL,
  source_id, source_line, source_offset, source_length
FROM reported
JOIN names ON _plain_agent(names.agent_name) <> _plain_agent(reported.agent_name)
  AND contains(lower(text), lower(names.agent_name))
  AND regexp_matches(text, CASE WHEN length(names.agent_name) < 4 THEN '' ELSE '(?i)' END
    -- The name follows a word of waiting within a few words, or is all that is said.
    || '\b([Ww]ait\w*|[Aa]wait\w*|[Bb]locked|[Bb]locks|[Nn]eeds?|[Nn]eeded|[Dd]epend\w*|[Pp]ending|[Uu]ntil|[Ss]tuck|[Hh]eld up|[Hh]olding|[Ww]arte\w*|[Aa]bh.ngig|[Aa]ttend\w*|[Aa]ttente|[Ee]sper\w+|[Aa]spett\w*|[Aa]ttesa|[Aa]guard\w*)\s+([^\s,;.:]+\s+){0,5}'
    || regexp_escape(names.agent_name) || '($|[^\p{L}\p{N}_-])|(^|; )((on|by|for|from)\s+)?' || regexp_escape(names.agent_name) || '\s*($|[;,:(]|''s\b)')
UNION ALL
SELECT
  tools.agent_name, names.agent_name, start_time, CASE WHEN status_code = 'ERROR' THEN end_time END, 'span',
  coalesce(tool_name, name) || ' waits for ' || names.agent_name || CASE WHEN status_code = 'ERROR' THEN ' until it timed out' ELSE ' and never ended' END,
  trace_id, span_id, source_id, source_line, source_offset, source_length
FROM tools
JOIN names ON _plain_agent(names.agent_name) = _plain_agent(target) AND _plain_agent(names.agent_name) <> _plain_agent(tools.agent_name)
WHERE NOT EXISTS (
  FROM spans AS run
  WHERE run.operation_name = 'invoke_agent' AND run.preorder > tools.preorder AND run.preorder < tools.subtree_end
    AND run.status_code <> 'ERROR' AND run.end_time IS NOT NULL)
UNION ALL
SELECT
  sender, recipient, time, (
    SELECT min(answer.time) FROM agent_messages AS answer
    WHERE answer.sender = asked.recipient AND answer.recipient = asked.sender AND answer.time > asked.time AND NOT _says_waiting(coalesce(answer.payload, ''))),
  'message', 'to ' || recipient || ': ' || payload, trace_id, span_id, source_id, source_line, source_offset, source_length
FROM agent_messages AS asked
WHERE kind <> 'pax' AND sender IS NOT NULL AND recipient IS NOT NULL AND sender <> recipient AND time IS NOT NULL AND _says_waiting(payload);

-- Why deadlocks cannot be looked for; no reason when all is there.
CREATE VIEW _needs_deadlock (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  agents > 1 AND usable > 0,
  CASE
    WHEN agents < 2 THEN 'fewer than two agents are known'
    WHEN seen = 0 THEN 'the logs hold neither reports with a status, nor messages between agents, nor tool calls'
    WHEN usable = 0 THEN 'no report, message or tool call has both an agent and a time recorded'
    ELSE _unjudged('reports, messages and tool calls', seen, seen - usable, 'no agent or no time recorded')
  END
FROM (SELECT count(*) AS agents FROM agents), (
  SELECT sum(seen)::BIGINT AS seen, sum(usable)::BIGINT AS usable
  FROM (
    SELECT count(status) AS seen, count(status) FILTER (agent_name IS NOT NULL AND time IS NOT NULL) AS usable FROM status_reports
    UNION ALL
    SELECT count(*), count(*) FILTER (sender IS NOT NULL AND recipient IS NOT NULL AND time IS NOT NULL) FROM agent_messages
    UNION ALL
    SELECT count(*), count(*) FILTER (agent_name IS NOT NULL AND start_time IS NOT NULL) FROM spans WHERE operation_name = 'execute_tool'
  )
);

-- Agents wait for one another in a circle, at the same time.
--
-- Means: none can go on before another does, so none ever will. Matters: it looks like patience; only somebody from outside can end it.
-- Waits are reports of BLOCKED or WAITING that name an agent after a word of waiting (English, German, French, Spanish, Italian or Portuguese), calls that wait for an agent and never end or time out, and unanswered messages that
-- say their sender waits. The waits of a circle must overlap for at least `min_minutes`, or to the end of the log. Up to `max_agents` agents.
-- One finding a circle. Tier proven, candidate where a message is part of it. Severity critical.
-- Example: Ana reports `BLOCKED (waiting for Ben)`, and Ben `BLOCKED (waiting for Ana)`.
-- Leaves alone: waits that end by themselves; chains without a circle; an agent that calls one that calls it again in a run of its own.
-- Misses: waits that name nobody, or a thing instead of an agent.
-- Do: decide for one of them from outside, and give every wait an end.
-- scope: fleet
-- version: 2
CREATE MACRO detect_deadlock(min_minutes := 5, max_agents := 6) AS TABLE
WITH RECURSIVE
waits AS MATERIALIZED (
  SELECT *, row_number() OVER () AS number, epoch_ns(start_time) AS begins, coalesce(epoch_ns(end_time), 9223372036854775807) AS ends
  FROM _waits
),
-- Of several waits of one agent for another the longest stands for them.
edges AS MATERIALIZED (
  FROM waits
  QUALIFY row_number() OVER (PARTITION BY waiter, awaited ORDER BY ends DESC, begins, told_by, number) = 1
),
walks AS (
  SELECT waiter AS first_agent, awaited AS last_agent, [waiter] AS members, [number] AS numbers, begins, ends
  FROM edges
  UNION ALL
  SELECT first_agent, edges.awaited, list_append(members, edges.waiter), list_append(numbers, edges.number),
    greatest(walks.begins, edges.begins), least(walks.ends, edges.ends)
  FROM walks
  JOIN edges ON edges.waiter = last_agent
  WHERE last_agent > first_agent AND NOT list_contains(members, edges.waiter) AND len(members) < max_agents
    AND greatest(walks.begins, edges.begins) < least(walks.ends, edges.ends)
),
circles AS (
  SELECT * FROM walks
  WHERE last_agent = first_agent AND len(members) > 1 AND (ends = 9223372036854775807 OR ends - begins >= min_minutes::BIGINT * 60000000000)
  QUALIFY row_number() OVER (PARTITION BY list_sort(members) ORDER BY ends - begins DESC, members) = 1
),
told AS (
  SELECT circles.members, circles.begins AS begins_of_circle, nullif(circles.ends, 9223372036854775807) AS ends_of_circle, edges.*
  FROM (SELECT *, unnest(numbers) AS number FROM circles) AS circles
  JOIN edges USING (number)
)
SELECT
  CASE WHEN bool_or(told_by = 'message') THEN 'candidate' ELSE 'proven' END AS tier, 'critical' AS severity,
  CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END AS trace_id, members[1] AS agent_name,
  coalesce(list(span_id ORDER BY told.start_time, number) FILTER (span_id IS NOT NULL), []) AS span_ids,
  make_timestamp_ns(any_value(told.begins_of_circle)) AS start_time, make_timestamp_ns(any_value(told.ends_of_circle)) AS end_time,
  format('{} wait for one another{}.', array_to_string(list_append(members, members[1]), ' → '),
    CASE WHEN any_value(told.ends_of_circle) IS NULL THEN ', and the log shows no end of it'
      ELSE format(' for {} minutes', round((any_value(told.ends_of_circle) - any_value(told.begins_of_circle)) / 6e10)::BIGINT) END) AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, waiter || ' ' || says) ORDER BY told.start_time, number) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
GROUP BY members;

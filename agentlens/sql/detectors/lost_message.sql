-- Work and words that were sent and never taken up.
-- include: agents.handoffs
-- include: detectors.off_matrix_delegation
-- include: detectors.evidence

-- Every sign of life of an agent: its spans, its reports, its messages.
CREATE VIEW _signs_of_life (
  -- The agent.
  agent_name,
  -- Its name without case, separators and the word agent.
  plain_name,
  -- First sign (UTC).
  first_time,
  -- Last sign (UTC).
  last_time
) AS
SELECT any_value(agent_name), _plain_agent(agent_name) AS plain_name, min(first_time), max(last_time)
FROM (
  SELECT agent_name, min(start_time) AS first_time, max(start_time) AS last_time FROM spans WHERE start_time IS NOT NULL GROUP BY agent_name
  UNION ALL
  SELECT agent_name, min(time), max(time) FROM status_reports WHERE time IS NOT NULL GROUP BY agent_name
  UNION ALL
  SELECT sender, min(time), max(time) FROM agent_messages WHERE time IS NOT NULL GROUP BY sender
)
WHERE agent_name IS NOT NULL
GROUP BY plain_name;

-- Calls of tools that elsewhere in the trace start the very agent that their arguments name, whatever they are called: they hand work over, to the agent named.
CREATE VIEW _handed_to_the_named (
  -- Place of the call in tree order.
  preorder,
  -- The agent that handed over.
  from_agent,
  -- The agent that the arguments name.
  to_agent,
  -- The arguments.
  task
) AS
WITH proven AS (
  SELECT DISTINCT trace_id, calls.tool_name
  FROM _calls_of_agents AS calls
  JOIN (SELECT preorder, tool_call_arguments FROM spans) AS spans USING (preorder)
  WHERE NOT _is_handoff_tool(calls.tool_name) AND _handoff_target('execute_tool', NULL, calls.tool_name, tool_call_arguments) = to_agent
)
SELECT preorder, agent_name, _handoff_target('execute_tool', NULL, tool_name, tool_call_arguments), tool_call_arguments
FROM spans AS giver
SEMI JOIN proven USING (trace_id, tool_name)
WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR'
  AND preorder NOT IN (SELECT preorder FROM _calls_of_agents);

-- Everything that was sent from one agent to another and waits to be taken up: messages, and work handed over that no run below it took and that
-- brought back no more than a receipt.
CREATE VIEW _sent (
  -- `message` or `task`.
  kind,
  -- The agent that sent.
  sender,
  -- The agent it was sent to.
  recipient,
  -- When (UTC).
  time,
  -- What was sent.
  payload,
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
SELECT 'message', sender, recipient, time, payload, trace_id, span_id, source_id, source_line, source_offset, source_length
FROM agent_messages
WHERE kind <> 'pax' AND sender IS NOT NULL AND recipient IS NOT NULL AND time IS NOT NULL AND sender <> recipient
UNION ALL
SELECT 'task', from_agent, to_agent, coalesce(giver.end_time, giver.start_time), task, giver.trace_id, giver.span_id, source_id, source_line, source_offset, source_length
FROM (
  SELECT from_agent, to_agent, task, preorder FROM handoffs WHERE kind = 'tool' AND to_span_id IS NULL AND NOT is_error
  UNION
  SELECT from_agent, to_agent, task, preorder FROM _handed_to_the_named WHERE to_agent IS NOT NULL
) AS handoff
JOIN spans AS giver USING (preorder)
WHERE giver.start_time IS NOT NULL AND from_agent <> to_agent
  -- What brought back a result was done; a receipt is no result.
  AND (tool_call_result IS NULL OR (strlen(tool_call_result) < 160 AND regexp_matches(tool_call_result, '\b(sent|queued|accepted|dispatched|delivered|assigned|scheduled|submitted|received|created|transferr?ed|ok)\b', 'i')));

-- Whether a text asks its reader to do something; an answer or a note does not.
CREATE MACRO _is_request(text) AS
regexp_matches(text, '\?|\b(please|can you|could you|would you|will you|you (need|have|are) to|need(s)? you|your (task|turn|job|part)|assign(ed|ing)?|take over|pick up|hand(ing)? (this |it )?over to you|todo|to do|(tell|inform|notify) (me|us)|let (me|us) know|report back|by (noon|tonight|tomorrow|midnight|eod))\b', 'i')
OR regexp_matches(trim(text), '^"?(task|request|todo|action)\b|^"?(send|do|write|check|fix|run|prepare|update|deliver|review|start|make|create|find|read|test|deploy|draft|collect|publish|verify|summari[sz]e|count|get|give|bring|fetch|look|list|compare|measure|calculate|compute|translate|order|book|call|ask|tell)\b|"(type|kind)"\s*:\s*"(request|task|dispatch|assign\w*)"', 'i');

-- Why lost messages cannot be looked for; no reason when all is there.
CREATE VIEW _needs_lost_message (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  usable > 0,
  CASE
    WHEN seen = 0 THEN 'the logs hold no messages between agents and no work handed over by a tool'
    WHEN usable = 0 THEN 'no message between agents and no handing over has sender, recipient and time recorded'
    ELSE _unjudged('messages and handings over', seen, seen - usable, 'no sender, no recipient or no time recorded')
  END
FROM (
  SELECT sum(seen)::BIGINT AS seen, sum(usable)::BIGINT AS usable
  FROM (
    SELECT count(*) AS seen, count(*) FILTER (sender IS NOT NULL AND recipient IS NOT NULL AND time IS NOT NULL) AS usable FROM agent_messages WHERE kind <> 'pax'
    UNION ALL
    SELECT count(*), count(*) FILTER (agent_name IS NOT NULL AND start_time IS NOT NULL) FROM spans
    WHERE operation_name = 'execute_tool' AND (_is_handoff_tool(tool_name) OR preorder IN (SELECT preorder FROM _handed_to_the_named))
  )
);

-- A message or a task is sent to an agent that gives no sign of life any more, while others go on.
--
-- Means: it was sent to somebody who was not there, or got lost on the way. Matters: the sender counts it as under way; nobody does it.
-- Signs of life are spans, reports and messages, after the sending or around it (up to `seconds` before). Those who exchange messages or work with the
-- sender must go on for at least `min_minutes` after the sending, and the sender must have reached others. One finding a pair of agents. Tier: event when
-- the recipient is known from elsewhere in the log, candidate when it is known by name only. Severity: warning. A task is sent by a tool for handing over, or by
-- one that elsewhere in the trace starts the very agents that its arguments name.
-- Example: Ana sends Cyd a task at 10:05; Cyd was last heard of at 10:00, and the others go on until 10:40.
-- Leaves alone: the last words of a log; recipients that are persons or groups (user, human, all, team, channels), or that are known
-- by name only and asked nothing (a notifier, a log); tasks whose run stands below
-- the handing over; answers: the first message to an agent after one from it, unless it asks for something; messages to agents that do anything afterwards.
-- Misses: messages that a busy agent ignores; agents whose work is logged elsewhere.
-- Do: find out whether Cyd was there at all; let messages be acknowledged.
-- scope: fleet
-- version: 5
CREATE MACRO detect_lost_message(min_minutes := 5, seconds := 5) AS TABLE
WITH sent AS MATERIALIZED (
  SELECT *, row_number() OVER () AS number, _plain_agent(recipient) AS plain_name
  FROM _sent
),
known AS MATERIALIZED (FROM _signs_of_life),
declared AS (SELECT DISTINCT _plain_agent(agent_name) AS plain_name FROM agents WHERE known_from IN ('manifest', 'identity file')),
-- Where all of a sender's words go to agents of which the log knows nothing, it simply does not hold the other side.
reachable AS (
  SELECT sender, count(DISTINCT sent.plain_name) FILTER (known.last_time >= sent.time) + coalesce(any_value(taken.reached), 0) AS reached
  FROM sent
  LEFT JOIN known USING (plain_name)
  LEFT JOIN (SELECT from_agent AS sender, count(DISTINCT to_agent) AS reached FROM handoffs WHERE to_span_id IS NOT NULL GROUP BY from_agent) AS taken USING (sender)
  GROUP BY sender
),
circle AS (
  SELECT sender AS one, sender AS other FROM sent
  UNION
  SELECT sender, recipient FROM sent
  UNION
  SELECT recipient, sender FROM sent
  UNION
  SELECT from_agent, to_agent FROM handoffs WHERE to_span_id IS NOT NULL AND from_agent IS NOT NULL AND to_agent IS NOT NULL
),
others AS (
  SELECT number, max(other.last_time) AS goes_on_until
  FROM sent
  JOIN circle ON circle.one = sent.sender
  JOIN known AS other ON other.plain_name = _plain_agent(circle.other) AND other.plain_name <> sent.plain_name
  GROUP BY number
),
-- What the recipient had written to the sender last, and whether the sender has written since.
answers AS (
  SELECT sent.number
  FROM sent
  ASOF JOIN sent AS asked ON asked.sender = sent.recipient AND asked.recipient = sent.sender AND asked.time < sent.time
  ANTI JOIN sent AS earlier ON earlier.sender = sent.sender AND earlier.recipient = sent.recipient AND earlier.time > asked.time AND earlier.time < sent.time
  WHERE sent.kind = 'message' AND NOT coalesce(_is_request(sent.payload), false)
),
lost AS (
  SELECT sent.*, known.last_time, known.plain_name IS NOT NULL OR declared.plain_name IS NOT NULL AS is_known, goes_on_until
  FROM sent
  JOIN reachable USING (sender)
  JOIN others USING (number)
  LEFT JOIN known ON known.plain_name = sent.plain_name
  LEFT JOIN declared ON declared.plain_name = sent.plain_name
  WHERE reached > 0 AND number NOT IN (SELECT number FROM answers)
    -- Who is known by name only and is asked nothing takes notes: a channel, a log, a notifier.
    AND (known.plain_name IS NOT NULL OR declared.plain_name IS NOT NULL OR sent.kind = 'task' OR coalesce(_is_request(sent.payload), false))
    AND (known.last_time IS NULL OR epoch_ns(known.last_time) < epoch_ns(sent.time) - seconds::BIGINT * 1000000000)
    AND epoch_ns(goes_on_until) - epoch_ns(sent.time) >= min_minutes::BIGINT * 60000000000
    AND NOT regexp_matches(sent.plain_name, '^(user|users|human|humans|operator|owner|admin|all|any|anyone|everyone|everybody|team|crew|group|broadcast|channel|room|system|none|null|self|\*)$|^[#@*]|^all_|_(channel|room|group|team|all)$')
)
SELECT
  CASE WHEN bool_and(is_known) THEN 'event' ELSE 'candidate' END AS tier, 'warning' AS severity,
  CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END AS trace_id, recipient AS agent_name,
  coalesce(_first_of_each(list(span_id ORDER BY time, number) FILTER (span_id IS NOT NULL)), []) AS span_ids, min(time) AS start_time, max(time) AS end_time,
  format('{} sent {} {} to {}, which {}; others went on for {} minutes.', sender, count(*),
    CASE WHEN count(*) = 1 THEN mode(kind ORDER BY time, number) ELSE mode(kind ORDER BY time, number) || 's' END, recipient,
    CASE WHEN bool_and(last_time IS NULL) THEN 'never gave a sign of life' ELSE format('was last heard of at {}', strftime(max(last_time)::TIMESTAMP, '%Y-%m-%d %H:%M:%S')) END,
    (epoch_ns(max(goes_on_until)) - epoch_ns(min(time))) // 60000000000) AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, sender || ' → ' || recipient || ': ' || coalesce(payload, '')) ORDER BY time, number)[:20] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM lost
GROUP BY sender, recipient;

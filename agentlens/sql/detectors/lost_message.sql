-- Work and words that were sent and never taken up.
-- include: lens.sentences
-- include: agents.handoffs
-- include: agents.statuses
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
SELECT 'task', agent_name, recipient, time, concat_ws('; ', detail, next_action), NULL, NULL, source_id, source_line, source_offset, source_length
FROM status_reports
WHERE is_dispatch(status) AND agent_name <> recipient AND time IS NOT NULL
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
OR _is_order(text);

-- The words that tell one matter from another: of four letters and more, or with a digit in them; not the keys of JSON objects.
CREATE MACRO _request_words(text) AS
list_distinct(regexp_extract_all(lower(regexp_replace(left(text, 2000), '"\w+" ?:', ' ', 'g')), '[\pL_-]+\d[\pL\d_-]*|\d[\pL\d_-]+|\pL{4,}'));

-- Requests that an agent never answered though it went on writing, while it, or the others that were asked, answered all the rest. An answer to a request is any word of the
-- one that was asked to the one that asked, unless it tells by its words that it answers another request, and any later word of others about the same.
CREATE MACRO _ignored(min_minutes) AS TABLE
WITH said AS MATERIALIZED (
  SELECT
    *, row_number() OVER (ORDER BY time, source_id, source_line) AS number, _is_request(payload) AS is_request, _request_words(payload) AS words
  FROM agent_messages
  WHERE kind <> 'pax' AND sender <> recipient AND time IS NOT NULL AND payload IS NOT NULL
  QUALIFY count(*) OVER (PARTITION BY sender, recipient) <= 500
),
answered AS MATERIALIZED (
  SELECT asked.number, asked.sender, asked.recipient, asked.time, asked.is_request, epoch_ns(answer.time) - epoch_ns(asked.time) AS waited, answer.time AS answer_time
  FROM said AS asked
  ASOF LEFT JOIN said AS answer ON answer.sender = asked.recipient AND answer.recipient = asked.sender AND answer.time > asked.time
),
of_recipient AS (SELECT recipient, count(waited) AS answered, count(*) FILTER (is_request AND waited IS NULL) AS unanswered, coalesce(max(waited) FILTER (is_request), 0) AS longest FROM answered GROUP BY recipient),
of_sender AS (SELECT sender, count(waited) FILTER (is_request) AS answered, count(*) FILTER (is_request AND waited IS NULL) AS unanswered, coalesce(max(waited) FILTER (is_request), 0) AS longest FROM answered GROUP BY sender),
of_pair AS (SELECT sender, recipient, count(*) FILTER (is_request AND waited IS NULL) AS unanswered FROM answered GROUP BY sender, recipient),
speaks AS (SELECT sender AS recipient, max(time) AS last_word FROM said GROUP BY sender),
works AS (SELECT agent_name AS recipient, max(start_time) AS last_step FROM spans WHERE agent_name IN (SELECT recipient FROM said) GROUP BY agent_name),
suspects AS MATERIALIZED (
  SELECT said.number, said.sender, said.recipient, said.time, speaks.last_word
  FROM said
  JOIN answered USING (number)
  JOIN speaks ON speaks.recipient = said.recipient
  JOIN of_recipient ON of_recipient.recipient = said.recipient
  JOIN of_sender ON of_sender.sender = said.sender
  JOIN of_pair ON of_pair.sender = said.sender AND of_pair.recipient = said.recipient
  LEFT JOIN works ON works.recipient = said.recipient
  -- What an agent does besides may be its answer.
  WHERE said.is_request AND (last_step IS NULL OR last_step < said.time)
    AND epoch_ns(speaks.last_word) - epoch_ns(said.time) >= greatest(min_minutes::BIGINT * 60000000000, 2 * greatest(of_recipient.longest, of_sender.longest))
    AND greatest(of_recipient.answered, of_sender.answered) - (waited IS NOT NULL)::INT >= 2
    -- Whoever leaves others without an answer, or is left by others, has no such habit; a request may have been put again.
    AND greatest(of_recipient.unanswered, of_sender.unanswered) <= of_pair.unanswered AND of_pair.unanswered <= 2
),
-- The words of a request that stand in no other of its sender, but for one: it may be put again.
own_words AS MATERIALIZED (
  SELECT number, sender, recipient, time, word
  FROM (SELECT number, sender, recipient, time, unnest(words) AS word FROM said WHERE is_request)
  QUALIFY count(*) OVER (PARTITION BY sender, word) <= 2
),
told AS MATERIALIZED (
  SELECT number, sender, recipient, time, payload, unnest(words) AS word
  FROM said
  WHERE sender IN (SELECT recipient FROM suspects UNION SELECT sender FROM suspects) OR recipient IN (SELECT sender FROM suspects)
),
-- Which requests the words of a message are about.
about AS MATERIALIZED (
  SELECT DISTINCT told.number, own_words.number AS request
  FROM told
  JOIN own_words ON own_words.word = told.word AND own_words.recipient = told.sender AND own_words.time < told.time
),
settled AS (
  -- A word back that is about no other request, or about this one.
  SELECT suspects.number
  FROM suspects
  JOIN said AS back ON back.sender = suspects.recipient AND back.recipient = suspects.sender AND back.time > suspects.time
  WHERE NOT EXISTS (FROM about WHERE about.number = back.number AND about.request <> suspects.number)
    OR EXISTS (FROM about WHERE about.number = back.number AND about.request = suspects.number)
  UNION
  -- The matter is spoken of by others, or by the asker itself, who does not go on waiting.
  SELECT suspects.number
  FROM suspects
  JOIN own_words USING (number)
  JOIN told ON told.word = own_words.word AND told.time > suspects.time
  WHERE CASE WHEN told.sender = suspects.sender
    THEN NOT regexp_matches(told.payload, '\b(wait\w*|still|again|no (word|answer|reply|response)|unanswered|remind\w*|warte\w*|noch|espera\w*)\b', 'i') AND told.number <> suspects.number
    ELSE NOT EXISTS (FROM about WHERE about.number = told.number AND about.request <> suspects.number) END
  UNION
  SELECT suspects.number
  FROM suspects
  JOIN said AS taken_back ON taken_back.sender = suspects.sender AND taken_back.time > suspects.time
  WHERE regexp_matches(taken_back.payload, '\b(never mind|cancel\w*|forget|ignore|no longer|withdr[ae]w\w*|not needed|obsolete|drop (it|this|that))\b', 'i')
)
SELECT said.*, (SELECT count(*) FROM said AS later WHERE later.sender = suspects.recipient AND later.time > suspects.time) AS words_since
FROM suspects
JOIN said USING (number)
SEMI JOIN own_words USING (number)
ANTI JOIN settled USING (number);

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
    SELECT count(*), count(time) FROM status_reports WHERE is_dispatch(status) AND agent_name <> recipient
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
-- the recipient is known from elsewhere in the log, candidate when it is known by name only. Severity: warning. A task is sent by a report that says so by its status (DISPATCH), by a tool for handing over, or by
-- one that elsewhere in the trace starts the very agents that its arguments name.
-- Example: Ana sends Cyd a task at 10:05; Cyd was last heard of at 10:00, and the others go on until 10:40.
-- Tier candidate as well: a request to an agent that goes on writing for as long (and for twice the longest time that an answer took) and never answers it, nor speaks of it to
-- anybody, while two other messages at least were answered, and every other request that this agent got or this sender sent.
-- Leaves alone: the last words of a log; recipients that are persons or groups (user, human, all, team, channels), or that are known
-- by name only and asked nothing (a notifier, a log); tasks whose run stands below
-- the handing over; answers: the first message to an agent after one from it, unless it asks for something; messages to agents that do anything afterwards.
-- Misses: requests ignored by an agent whose steps are logged, for they may be its answer, or by one that often leaves them; agents whose work is logged elsewhere.
-- Do: find out whether Cyd was there at all; let messages be acknowledged.
-- scope: fleet
-- version: 7
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
GROUP BY sender, recipient
UNION ALL
SELECT
  'candidate', 'warning', CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END, recipient,
  coalesce(_first_of_each(list(span_id ORDER BY number) FILTER (span_id IS NOT NULL)), []), min(time), max(time),
  format('{} asked {} for something ({}) and got no answer; {} wrote {} since, and other requests were answered.', sender, recipient,
    _short(arg_min(payload, number), 60), recipient, _plural(max(words_since), 'message')),
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, sender || ' → ' || recipient || ': ' || payload) ORDER BY number)[:20], NULL, NULL
FROM _ignored(min_minutes)
GROUP BY sender, recipient;

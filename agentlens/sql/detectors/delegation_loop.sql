-- Work that is passed round and round.
-- include: lens.sentences
-- include: agents.handoffs
-- include: spans.actions
-- include: detectors.evidence

-- What a handing over or a message is about: the task in its arguments, else all of it; without case and blanks. NULL for less than 12 characters.
CREATE MACRO _matter(arguments) AS
nullif(regexp_replace(regexp_replace(lower(CASE WHEN json_valid(arguments) THEN coalesce(
  arguments->>'$.task', arguments->>'$.prompt', arguments->>'$.message', arguments->>'$.request', arguments->>'$.instructions',
  arguments->>'$.description', arguments->>'$.query', arguments->>'$.input', arguments->>'$.text', arguments->>'$.content',
  CASE WHEN json_type(arguments) = 'VARCHAR' THEN arguments->>'$' END) ELSE arguments END), '\s+', ' ', 'g'), '^.{0,11}$', ''), '');

-- What a message is about, for comparing it with one in other words: its words with a digit, and the first five letters of its long words.
CREATE MACRO _rally_words(text) AS
list_distinct(list_concat(
  regexp_extract_all(lower(text), '[\pL_-]+\d[\pL\d_-]*|\d[\pL\d_-]+'),
  list_filter(list_transform(regexp_extract_all(lower(regexp_replace(text, '[\pL\d_-]*\d[\pL\d_-]*', ' ', 'g')), '\pL{5,}'), lambda word: left(word, 5)), lambda stem: stem NOT IN (
    'pleas', 'retur', 'shoul', 'could', 'would', 'there', 'their', 'about', 'think', 'canno', 'yours', 'sendi', 'hando', 'handi', 'again', 'still', 'which', 'where'))));

-- Messages that two agents send each other in turn, each telling the other to do the same thing, in whatever words: two words at least that say what it is about stand in all of
-- them, and none says that something was done. One row a rally.
CREATE MACRO _told_to_and_fro(min_turns) AS TABLE
WITH turns AS (
  SELECT
    *, least(sender, recipient) AS one, greatest(sender, recipient) AS other,
    regexp_matches(payload, '(?i)\b(you|your|yours|yourself|please|back to|return(ing|ed)?|bitte|dir|ihnen|deine?|ihre?|por favor|usted|tú|tu|vous|votre)\b') AS is_told,
    -- What was done, sent along or found out in between is work.
    regexp_matches(payload, '(?i)\b(done|ready|finished|completed?|fixed|attached|enclosed|added|updated|changed|corrected|reworked|revised|re-?checked|found|here (is|are)|new|version|thanks?|ok(ay)?|agreed|accepted|\w+ed it|i (have|will|did)|because|if|why|when|what)\b') AS is_work
  FROM agent_messages
  WHERE kind <> 'pax' AND time IS NOT NULL AND sender <> recipient AND strlen(payload) < 1000
),
linked AS (
  SELECT
    *, row_number() OVER talk AS place,
    NOT coalesce(is_told AND NOT is_work AND lag(is_told AND NOT is_work) OVER talk AND lag(sender) OVER talk = recipient, false) AS is_first
  FROM turns
  WINDOW talk AS (PARTITION BY trace_id, one, other ORDER BY time, source_id, source_line)
),
rallies AS (
  SELECT *, count(*) FILTER (is_first) OVER (PARTITION BY trace_id, one, other ORDER BY place) AS rally
  FROM linked
),
long_ones AS MATERIALIZED (FROM rallies QUALIFY count(*) OVER (PARTITION BY trace_id, one, other, rally) > min_turns),
shared AS (
  SELECT trace_id, one, other, rally, list(word ORDER BY word) AS words
  FROM (
    SELECT trace_id, one, other, rally, word, count(*) AS times
    FROM (SELECT trace_id, one, other, rally, unnest(_rally_words(payload)) AS word FROM long_ones)
    GROUP BY ALL
  )
  JOIN (SELECT trace_id AS its_trace, one AS its_one, other AS its_other, rally AS its_rally, count(*) AS messages, bool_or(regexp_matches(payload, '\d')) AS is_numbered FROM long_ones GROUP BY ALL)
    ON its_trace IS NOT DISTINCT FROM trace_id AND its_one = one AND its_other = other AND its_rally = rally AND times = messages
  GROUP BY ALL
  -- Where they name things by number, it is the same one.
  HAVING count(*) >= 2 AND bool_or(regexp_matches(word, '\d')) >= bool_or(is_numbered)
)
SELECT
  long_ones.trace_id, arg_min(sender, place) AS agent_name, arg_min(recipient, place) AS other_agent, count(*) AS messages, arg_min(payload, place) AS matter,
  coalesce(list(span_id ORDER BY place) FILTER (span_id IS NOT NULL), []) AS span_ids, min(time) AS start_time, max(time) AS end_time,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, sender || ' → ' || recipient || ': ' || payload) ORDER BY place)[:20] AS evidence
FROM long_ones
JOIN shared ON shared.trace_id IS NOT DISTINCT FROM long_ones.trace_id AND shared.one = long_ones.one AND shared.other = long_ones.other AND shared.rally = long_ones.rally
-- The same words coming back are told as such.
GROUP BY long_ones.trace_id, long_ones.one, long_ones.other, long_ones.rally
HAVING count(DISTINCT _matter(payload)) = count(*);

-- Why delegation loops cannot be looked for; no reason when all is there.
CREATE VIEW _needs_delegation_loop (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  timed + timed_messages > 0,
  CASE
    WHEN runs + messages = 0 THEN 'the logs hold neither handings over nor messages between agents'
    WHEN timed + timed_messages = 0 THEN CASE WHEN messages = 0 THEN 'no handing over has a time recorded' ELSE 'no handing over and no message between agents has a time recorded' END
    ELSE nullif(concat_ws('; ', _untimed('handings over', runs, timed), _untimed('messages between agents', messages, timed_messages)), '')
  END
FROM (
    SELECT count(*) AS runs, count(start_time) AS timed
    FROM spans
    WHERE operation_name = 'invoke_agent' OR (operation_name = 'execute_tool' AND _is_handoff_tool(tool_name))
  ),
  (SELECT count(*) AS messages, count(time) AS timed_messages FROM agent_messages WHERE kind <> 'pax');

-- Two agents hand the same work back and forth, or a message is relayed deeper than `max_depth`.
--
-- Means: nobody holds the work. Matters: each turn costs a full context and decides nothing. Fires (a) when `min_bounces` handings over in a row go
-- back and forth between two agents and no tool but those for handing over is called in between, (b) when an agent is handed back, by tool or by message, the very
-- task that it had handed over (both tier proven), (c) when messages name a depth above `max_depth` (tier event, one finding a trace),
-- (d) when two agents tell each other in turn, in words of their own, to do the same thing, `min_bounces` times back, and nothing is said to be done (tier candidate).
-- One finding a pair of agents and matter. Severity warning.
-- Example: Ana hands `write the summary` to Ben, and Ben hands `write the summary` to Ana.
-- Leaves alone: an agent that is asked several times by one that does other work in between; answers and results in words of their own; a text that
-- is another one at most turns, as between a writer and a critic; an
-- agent that calls itself again; chains through ever new agents.
-- Misses: rounds of more than three agents; matters put into wholly other words; bouncing with other tools in between.
-- Do: say in the brief who decides; forbid handing a task back unchanged.
-- scope: trace
-- version: 5
CREATE MACRO detect_delegation_loop(min_bounces := 4, max_depth := 5) AS TABLE
-- A run that starts others itself hands over to all of them at once; only a call that hands over has a place in the order.
WITH given AS MATERIALIZED (
  SELECT trace_id, span_id, from_agent, to_agent, task, start_time, preorder
  FROM handoffs
  SEMI JOIN (FROM spans WHERE operation_name IS NULL OR operation_name = 'execute_tool') AS calls USING (preorder)
  WHERE start_time IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY preorder ORDER BY to_span_id) = 1
),
steps AS (
  SELECT
    trace_id, spans.span_id, agent_name AS from_agent, to_agent, _matter(task) AS matter,
    given.preorder IS NOT NULL OR coalesce(_is_handoff_tool(tool_name), false) AS is_handoff, spans.start_time, end_time, preorder, name,
    source_id, source_line, source_offset, source_length
  FROM (FROM spans SEMI JOIN (SELECT trace_id FROM given GROUP BY trace_id HAVING count(*) > 2) AS busy USING (trace_id)) AS spans
  LEFT JOIN given USING (trace_id, preorder)
  WHERE spans.start_time IS NOT NULL AND (operation_name = 'execute_tool' OR given.preorder IS NOT NULL)
),
linked AS (
  SELECT
    *, is_handoff AND coalesce(
      lag(is_handoff) OVER in_trace AND lag(from_agent) OVER in_trace = to_agent AND lag(to_agent) OVER in_trace = from_agent, false) AS is_back
  FROM steps
  WINDOW in_trace AS (PARTITION BY trace_id ORDER BY start_time, preorder)
),
rallies AS (
  SELECT *, count(*) FILTER (NOT is_back) OVER (PARTITION BY trace_id ORDER BY start_time, preorder) AS rally
  FROM linked
),
loops AS (
  SELECT
    trace_id, rally, count(*) AS bounces, arg_min(from_agent, preorder) AS agent_name, arg_min(to_agent, preorder) AS other_agent,
    list(span_id ORDER BY start_time, preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, from_agent || ' → ' || to_agent) ORDER BY start_time, preorder) AS evidence
  FROM rallies
  WHERE is_handoff AND from_agent <> to_agent
  GROUP BY trace_id, rally
  -- A text that goes to and fro and is another one each time (a draft, its review, the next draft) is work.
  HAVING NOT (count(DISTINCT matter) >= 3 AND 2 * count(DISTINCT matter) > count(*))
),
-- Everything that was passed with words, and the same words coming back.
passed AS (
  SELECT
    given.trace_id, given.span_id, from_agent AS giver, to_agent AS taker, _matter(task) AS matter, given.start_time AS time,
    source_id, source_line, source_offset, source_length
  FROM given
  JOIN spans USING (preorder)
  UNION ALL
  SELECT trace_id, span_id, sender, recipient, _matter(payload), time, source_id, source_line, source_offset, source_length
  FROM agent_messages
  WHERE kind <> 'pax' AND time IS NOT NULL
),
returned AS (
  SELECT DISTINCT there.trace_id, least(there.giver, there.taker) AS one, greatest(there.giver, there.taker) AS other, there.matter
  FROM passed AS there
  JOIN passed AS back ON back.trace_id IS NOT DISTINCT FROM there.trace_id AND back.matter = there.matter AND back.giver = there.taker
    AND back.taker = there.giver AND back.time > there.time
  WHERE there.giver <> there.taker
),
-- The same words handed on from one to another to a third, and by that one back to the first.
rings AS (
  SELECT DISTINCT a.trace_id, a.giver AS one, a.taker AS other, b.taker AS third, a.matter,
    list_filter([a.span_id, b.span_id, c.span_id], lambda id: id IS NOT NULL) AS span_ids, a.time AS start_time, c.time AS end_time,
    [_evidence(a.source_id, a.source_line, a.source_offset, a.source_length, a.span_id, a.giver || ' → ' || a.taker || ': ' || a.matter),
     _evidence(b.source_id, b.source_line, b.source_offset, b.source_length, b.span_id, b.giver || ' → ' || b.taker || ': ' || a.matter),
     _evidence(c.source_id, c.source_line, c.source_offset, c.source_length, c.span_id, c.giver || ' → ' || c.taker || ': ' || a.matter)] AS evidence
  FROM passed AS a
  JOIN passed AS b ON b.trace_id IS NOT DISTINCT FROM a.trace_id AND b.matter = a.matter AND b.giver = a.taker AND b.time > a.time
  JOIN passed AS c ON c.trace_id IS NOT DISTINCT FROM a.trace_id AND c.matter = a.matter AND c.giver = b.taker AND c.taker = a.giver AND c.time > b.time
  WHERE a.giver <> a.taker AND b.taker NOT IN (a.giver, a.taker)
  QUALIFY row_number() OVER (PARTITION BY a.trace_id, a.matter ORDER BY a.time) = 1
),
bounced AS (
  SELECT
    returned.trace_id, matter, arg_min(giver, time) AS agent_name, arg_min(taker, time) AS other_agent, count(*) AS bounces,
    coalesce(list(span_id ORDER BY time) FILTER (span_id IS NOT NULL), []) AS span_ids, min(time) AS start_time, max(time) AS end_time,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, giver || ' → ' || taker || ': ' || matter) ORDER BY time)[:20] AS evidence
  FROM returned
  JOIN passed USING (matter)
  WHERE returned.trace_id IS NOT DISTINCT FROM passed.trace_id AND least(giver, taker) = one AND greatest(giver, taker) = other
  GROUP BY returned.trace_id, one, other, matter
),
deep AS (
  SELECT
    trace_id, count(*) AS messages, max(depth) AS depth, arg_max(sender, depth) AS agent_name, min(time) AS start_time, max(time) AS end_time,
    list(DISTINCT span_id) FILTER (span_id IS NOT NULL) AS span_ids,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, sender || ' → ' || recipient || ', depth ' || depth) ORDER BY depth DESC, time)[:20] AS evidence
  FROM agent_messages
  WHERE depth > max_depth
  GROUP BY trace_id
)
SELECT
  'proven' AS tier, 'warning' AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} and {} handed work back and forth {} times and did nothing else.', agent_name, other_agent, bounces) AS summary,
  evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM loops
WHERE bounces >= min_bounces
UNION ALL
SELECT
  'proven', 'warning', trace_id, agent_name, span_ids, start_time, end_time,
  format('{} handed {} a task{} and was handed it back; it was passed {} times.', agent_name, other_agent, _about(matter), bounces), evidence, NULL, NULL
FROM bounced
WHERE NOT list_has_any(span_ids, coalesce((SELECT flatten(list(span_ids)) FROM loops WHERE loops.bounces >= min_bounces), []))
UNION ALL
SELECT
  'proven', 'warning', trace_id, one, span_ids, start_time, end_time,
  format('{} handed {} a task{}, which went on to {} and back to {}.', one, other, _about(matter), third, one), evidence, NULL, NULL
FROM rings
UNION ALL
SELECT
  'candidate', 'warning', trace_id, agent_name, span_ids, start_time, end_time,
  format('{} and {} told each other {} times in turn to do the same thing{}, and neither did it.', agent_name, other_agent, messages, _about(matter)), evidence, NULL, NULL
FROM _told_to_and_fro(min_bounces)
UNION ALL
SELECT
  'event', 'warning', trace_id, agent_name, coalesce(span_ids, []), start_time, end_time,
  format('A message was relayed {} deep ({} deeper than {}).', depth, _plural(messages, 'message'), max_depth), evidence, NULL, NULL
FROM deep;

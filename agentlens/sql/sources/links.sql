-- The same run in two logs: which sources tell of one run, how sure that is, and on what it rests.
-- include: messages.span_messages

-- Whether there are sources of more than one format: texts and teams are compared between formats only.
CREATE MACRO _has_several_formats() AS (SELECT count(DISTINCT format) > 1 FROM sources);

-- What every source holds of every trace, its copies of spans that another source holds as well included.
CREATE VIEW _source_runs (
  -- The source.
  source_id,
  -- The trace.
  trace_id,
  -- Number of its spans in this source.
  spans,
  -- Number of its calls of models and tools.
  calls,
  -- First moment (UTC).
  start_time,
  -- Last moment (UTC).
  end_time,
  -- Names of the agents in it.
  agents
) AS
SELECT
  source_id, trace_id, count(*),
  count(*) FILTER (operation_name IN ('chat', 'generate_content', 'text_completion', 'execute_tool')),
  min(start_time), max(coalesce(end_time, start_time)), coalesce(list_sort(list(DISTINCT agent_name) FILTER (agent_name IS NOT NULL)), [])
FROM (
  SELECT source_id, trace_id, operation_name, start_time, end_time, agent_name FROM spans
  UNION ALL BY NAME
  SELECT source_id, trace_id, operation_name, start_time, end_time FROM span_copies
)
GROUP BY source_id, trace_id;

-- The identifiers in every source by which a call, a span, a conversation or a session is known everywhere. Those too short
-- to be anyone's own (`call_1`, `main`) are left out.
CREATE VIEW _source_keys (
  -- The source.
  source_id,
  -- The trace.
  trace_id,
  -- `span`, `response`, `request`, `tool call`, `conversation` or `trace`.
  kind,
  -- The identifier.
  key,
  -- The span it is of; NULL for a conversation or trace.
  span_id
) AS
SELECT source_id, trace_id, 'span', trace_id || ' ' || span_id, span_id FROM span_copies
UNION ALL
SELECT source_id, trace_id, 'span', trace_id || ' ' || span_id, span_id
FROM spans SEMI JOIN span_copies USING (trace_id)
UNION ALL
SELECT source_id, trace_id, 'tool call', tool_call_id, span_id FROM spans WHERE length(tool_call_id) >= 12 AND operation_name = 'execute_tool'
UNION ALL
SELECT source_id, trace_id, 'response', attributes->>'$."gen_ai.response.id"', span_id
FROM spans WHERE length(attributes->>'$."gen_ai.response.id"') >= 12
UNION ALL
SELECT source_id, trace_id, 'response', regexp_extract(usage_key, '(msg|resp|chatcmpl|gen|run)[_-][A-Za-z0-9_-]{8,}'), span_id
FROM spans WHERE regexp_matches(usage_key, '(msg|resp|chatcmpl|gen|run)[_-][A-Za-z0-9_-]{8,}')
UNION ALL
SELECT source_id, trace_id, 'request', usage_key, span_id FROM spans WHERE regexp_full_match(usage_key, 'req_[0-9A-Za-z]{16,}')
UNION ALL
SELECT DISTINCT source_id, trace_id, 'conversation', conversation_id, NULL FROM spans WHERE length(conversation_id) >= 12
UNION ALL
SELECT DISTINCT source_id, trace_id, 'trace', lower(trace_id), NULL FROM spans WHERE length(trace_id) >= 16;

-- Pairs of runs of two sources that have identifiers in common; one that more than 50 runs have says nothing.
CREATE VIEW _source_key_pairs (
  -- The source with the smaller number.
  a_source_id,
  -- Its trace.
  a_trace_id,
  -- The other source.
  b_source_id,
  -- Its trace.
  b_trace_id,
  -- Number of spans both hold.
  shared_spans,
  -- Number of model calls both hold, known by the id of the response or of the request.
  shared_responses,
  -- Number of tool calls both hold.
  shared_tool_calls,
  -- Whether both name one conversation or trace.
  is_same_conversation
) AS
WITH
  keys AS (SELECT DISTINCT source_id, trace_id, kind, key FROM _source_keys),
  telling AS (
    SELECT kind, key FROM keys GROUP BY kind, key HAVING count(*) <= 50 AND min(source_id) < max(source_id)
  ),
  met AS (SELECT keys.* FROM keys SEMI JOIN telling USING (kind, key))
SELECT
  a.source_id, a.trace_id, b.source_id, b.trace_id, count(*) FILTER (kind = 'span'),
  greatest(count(*) FILTER (kind = 'response'), count(*) FILTER (kind = 'request')),
  count(*) FILTER (kind = 'tool call'), bool_or(kind IN ('conversation', 'trace'))
FROM met AS a
JOIN met AS b USING (kind, key)
WHERE a.source_id < b.source_id
GROUP BY a.source_id, a.trace_id, b.source_id, b.trace_id;

-- Pairs of runs of two sources in which agents said the same: texts of at least 40 characters that no more than 10 runs hold.
CREATE VIEW _source_text_pairs (
  -- The source with the smaller number.
  a_source_id,
  -- Its trace.
  a_trace_id,
  -- The other source.
  b_source_id,
  -- Its trace.
  b_trace_id,
  -- Number of texts both hold.
  shared_texts,
  -- Length of the longest.
  longest
) AS
WITH
  texts AS (
    SELECT DISTINCT message_hash, md5(trim(content)) AS text, strlen(content) AS bytes
    FROM (
      SELECT message_hash, unnest(parts::JSON[])->>'$.content' AS content
      FROM messages
      WHERE bytes >= 60 AND _has_several_formats() AND contains(parts::VARCHAR, '"text"') AND json_type(parts) = 'ARRAY'
    )
    WHERE strlen(content) >= 40
  ),
  spoken AS (
    SELECT DISTINCT source_id, trace_id, message_hash FROM span_messages WHERE direction = 'output' AND _has_several_formats()
  ),
  said AS (SELECT DISTINCT source_id, trace_id, text, bytes FROM spoken JOIN texts USING (message_hash)),
  telling AS (SELECT text FROM said GROUP BY text HAVING count(*) <= 10 AND min(source_id) < max(source_id)),
  met AS (SELECT said.* FROM said SEMI JOIN telling USING (text))
SELECT a.source_id, a.trace_id, b.source_id, b.trace_id, count(*), max(a.bytes)
FROM met AS a
JOIN met AS b USING (text)
WHERE a.source_id < b.source_id
GROUP BY a.source_id, a.trace_id, b.source_id, b.trace_id;

-- Pairs of runs of two sources of different formats that overlap in time and in which the same two or more agents work, all those of the one with fewer.
CREATE VIEW _source_team_pairs (
  -- The source with the smaller number.
  a_source_id,
  -- Its trace.
  a_trace_id,
  -- The other source.
  b_source_id,
  -- Its trace.
  b_trace_id,
  -- Number of agents both name.
  shared_agents
) AS
WITH teams AS (SELECT r.*, format FROM _source_runs AS r JOIN sources USING (source_id) WHERE len(agents) >= 2 AND start_time < end_time AND _has_several_formats())
SELECT a.source_id, a.trace_id, b.source_id, b.trace_id, len(list_intersect(a.agents, b.agents))
FROM teams AS a
JOIN teams AS b ON a.start_time < b.end_time AND b.start_time < a.end_time AND a.source_id < b.source_id AND a.format <> b.format
WHERE len(list_intersect(a.agents, b.agents)) >= least(len(a.agents), len(b.agents));

-- Runs that stand in two sources: a span log and a session file, an export of two tools, a session and its copy. One row a
-- pair of runs. Parts of one log that share nothing but the trace are no such pair; time alone never makes one.
CREATE VIEW source_links (
  -- The source with the smaller number.
  a_source_id,
  -- Its trace.
  a_trace_id,
  -- Its format.
  a_format,
  -- The other source.
  b_source_id,
  -- Its trace.
  b_trace_id,
  -- Its format.
  b_format,
  -- `certain` (same identifiers), `likely` (agents said the same, at times that do not contradict it) or `possible` (the same
  -- texts at other times, or the same agents at the same time).
  confidence,
  -- `same run`; `shared part` where less than half of the spans and calls of the smaller one are in both (a fork, a resumed
  -- session); `parts of one run` where each holds other agents and no call is in both.
  relation,
  -- What it rests on, in words.
  evidence,
  -- Number of calls and spans that both hold, known by their identifiers.
  shared_ids,
  -- Number of texts that both hold.
  shared_texts
) AS
WITH
  pairs AS (
    SELECT
      coalesce(k.a_source_id, t.a_source_id, m.a_source_id) AS a_source_id, coalesce(k.a_trace_id, t.a_trace_id, m.a_trace_id) AS a_trace_id,
      coalesce(k.b_source_id, t.b_source_id, m.b_source_id) AS b_source_id, coalesce(k.b_trace_id, t.b_trace_id, m.b_trace_id) AS b_trace_id,
      coalesce(shared_spans, 0) AS spans, coalesce(shared_responses, 0) AS responses, coalesce(shared_tool_calls, 0) AS tool_calls,
      coalesce(is_same_conversation, false) AS is_same_conversation, coalesce(shared_texts, 0) AS texts,
      coalesce(longest, 0) AS longest, coalesce(shared_agents, 0) AS agents
    FROM _source_key_pairs AS k
    FULL JOIN _source_text_pairs AS t USING (a_source_id, a_trace_id, b_source_id, b_trace_id)
    FULL JOIN _source_team_pairs AS m USING (a_source_id, a_trace_id, b_source_id, b_trace_id)
  ),
  judged AS (
    SELECT
      p.*, a.format AS a_format, b.format AS b_format,
      greatest(p.spans, responses + tool_calls) AS shared,
      p.spans * 2 >= least(x.spans, y.spans) OR (responses + tool_calls) * 2 >= least(x.calls, y.calls) AS is_most,
      coalesce(x.start_time <= y.end_time + INTERVAL 1 MINUTE AND y.start_time <= x.end_time + INTERVAL 1 MINUTE, true) AS is_at_once,
      len(list_intersect(x.agents, y.agents)) = 0 AND len(x.agents) > 0 AND len(y.agents) > 0 AS is_other_agents,
      is_same_conversation AND (a.format <> b.format OR p.a_trace_id <> p.b_trace_id) AS is_named_alike
    FROM pairs AS p
    JOIN sources AS a ON a.source_id = a_source_id
    JOIN sources AS b ON b.source_id = b_source_id
    JOIN _source_runs AS x ON x.source_id = a_source_id AND x.trace_id = a_trace_id
    JOIN _source_runs AS y ON y.source_id = b_source_id AND y.trace_id = b_trace_id
    WHERE p.spans + responses + tool_calls > 0 OR a.format <> b.format
  )
SELECT
  a_source_id, a_trace_id, a_format, b_source_id, b_trace_id, b_format,
  CASE
    WHEN shared > 0 OR is_named_alike THEN 'certain'
    WHEN is_at_once AND (texts >= 2 OR longest >= 200) THEN 'likely'
    ELSE 'possible'
  END,
  CASE
    WHEN shared > 0 AND NOT is_most THEN 'shared part'
    WHEN shared = 0 AND texts = 0 AND is_other_agents THEN 'parts of one run'
    ELSE 'same run'
  END,
  concat_ws(', ',
    CASE WHEN spans > 0 THEN format('{:,} same span ids', spans) END,
    CASE WHEN responses > 0 THEN format('{:,} same response or request ids', responses) END,
    CASE WHEN tool_calls > 0 THEN format('{:,} same tool call ids', tool_calls) END,
    CASE WHEN is_same_conversation THEN 'the same conversation or trace id' END,
    CASE WHEN texts > 0 THEN format('{:,} same texts', texts) END,
    CASE WHEN agents > 0 THEN format('{:,} same agents', agents) END,
    CASE WHEN is_at_once AND (texts > 0 OR agents > 0) THEN 'times that overlap or are not given' WHEN texts > 0 THEN 'at other times' END),
  shared, texts
FROM judged
WHERE shared > 0 OR is_named_alike OR texts >= 2 OR longest >= 200 OR agents > 0;

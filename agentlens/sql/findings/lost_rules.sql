-- What an agent had been told not to do, had lost from its window, and did.
-- include: messages.texts
-- include: flow.texts
-- include: recovery.flaws
-- include: detectors.evidence

-- The sentences of a text that forbid or limit something, in plain words of six languages.
CREATE MACRO _restrictions_in(said) AS
list_filter(
  list_transform(string_split_regex(left(said, 20000), '[.!?;]\s|\n'), lambda sentence: trim(sentence)),
  lambda sentence: length(sentence) BETWEEN 12 AND 600 AND regexp_matches(sentence, '(?i)\b(do not|don.t|never|must(n.t| not)?|may not|shall not|cannot|can.t|only|always|under no|without (my|our|the|an?|asking)|not? (before|until|unless|more than)|at most|at least|nicht|nie|niemals|keine?[nrsm]?|nur|ne .{1,30} pas|jamais|uniquement|nunca|solo|sólo|mai|non|não|apenas|somente)\b'));

-- Rules that stood in a message of a person or the system, that had gone from a window with that message, and against whose matter a tool was called from that window afterwards, while nothing
-- that was left spoke of them. A call is of the matter of a rule where two words of it, at least, name it.
CREATE VIEW _rules_lost (
  -- Place of the first model call without the message in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- The agent.
  agent_name,
  -- The rule.
  rule
) AS
WITH ends AS MATERIALIZED (SELECT window_id, max(until) AS last FROM flow_texts WHERE side = 'said' AND type <> 'result' AND window_id IS NOT NULL GROUP BY window_id),
gone AS MATERIALIZED (
  SELECT DISTINCT number, window_id, until, rule, _matter_stems(rule) AS stems
  FROM (
    SELECT number, texts.window_id, until, unnest(_restrictions_in(_part_text(parts->part_index))) AS rule
    FROM (FROM flow_texts WHERE side = 'heard' AND type = 'text') AS texts
    JOIN ends ON ends.window_id = texts.window_id AND texts.until < last
    JOIN (FROM messages WHERE role IN ('user', 'system', 'developer')) AS messages USING (message_hash)
  )
),
asked AS MATERIALIZED (
  SELECT texts.preorder, texts.trace_id, texts.agent_name, window_id, until AS began, _matter_stems(concat_ws(' ', _tool_words(part->>'$.name'), array_to_string(_given_words(part->>'$.arguments'), ' '))) AS stems
  FROM (SELECT texts.*, parts->part_index AS part FROM (FROM flow_texts WHERE side = 'said' AND type = 'tool_call' AND window_id IN (SELECT window_id FROM gone)) AS texts JOIN messages USING (message_hash)) AS texts
),
held AS MATERIALIZED (
  SELECT window_id, moment, until, _matter_stems(_part_text(parts->part_index)) AS stems
  FROM (FROM flow_texts WHERE side = 'heard' AND type = 'text' AND window_id IN (SELECT window_id FROM gone)) AS texts
  JOIN messages USING (message_hash)
),
broken AS (
  SELECT gone.*
  FROM gone
  JOIN asked ON asked.window_id = gone.window_id AND asked.began > gone.until
  WHERE len(list_intersect(gone.stems, asked.stems)) >= 2
    AND NOT EXISTS (FROM held WHERE held.window_id = gone.window_id AND held.moment <= asked.began AND held.until >= asked.began AND 2 * len(list_intersect(gone.stems, held.stems)) >= len(gone.stems))
)
SELECT arg_min(said.preorder, said.until), arg_min(said.trace_id, said.until), arg_min(said.agent_name, said.until), rule
FROM broken
JOIN (FROM flow_texts WHERE side = 'said' AND type <> 'result') AS said ON said.window_id = broken.window_id AND said.until > broken.until
GROUP BY broken.number, rule;

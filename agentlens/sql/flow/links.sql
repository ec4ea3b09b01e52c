-- How something that stands in several texts came from one to the other.

-- From which step to which each of some features went: a feature is anything that texts can have in common. Arguments: the name of a relation with
-- `feature, number, place, what` (the number of a row of `flow_texts`), and in how many texts of a trace a feature may stand to tell anything (NULL for any number).
-- Rules, one source a feature and text: `window` (a model said it: from the first message that held it and stood in the window of that call, and from where that came);
-- `brief` (a run was given it: from the call of the tool above the run); `other` (a run was given it: from the last step of the trace that said it before,
-- else from a document); `return` (a tool answered it: from the last step inside that said it); `agent` (windows or ids are not logged: the
-- arguments of a tool from the last call of the agent that asked so, else from the first step of the same agent that had it, else from the tool above); `resource` (a tool read it: from the call that had written it there).
CREATE MACRO _flow_links(hits, most_texts) AS TABLE
WITH
  -- As numbers, for there are very many: traces and agents stand as their hashes.
  texts AS MATERIALIZED (
    SELECT
      number, text_id, side = 'said' AS is_said, type = 'arguments' AS is_arguments, type = 'result' AS is_result, type = 'tool_call' AS is_tool_call, preorder, from_preorder,
      CASE WHEN trace_id IS NOT NULL THEN hash(trace_id) END AS trace, hash(agent_name) AS agent, window_id, moment, until
    FROM flow_texts
  ),
  standing AS MATERIALIZED (SELECT h.feature, t.* FROM (FROM query_table(hits)) AS h JOIN texts AS t USING (number)),
  telling AS (
    SELECT feature, trace FROM standing GROUP BY ALL
    HAVING count(*) >= 2 AND (most_texts IS NULL OR count(DISTINCT text_id) <= most_texts)
  ),
  placed AS MATERIALIZED (FROM standing SEMI JOIN telling USING (feature, trace)),
  loose AS MATERIALIZED (FROM standing WHERE trace IS NULL),
  sources AS MATERIALIZED (
    SELECT placed.*, spans.subtree_end FROM placed LEFT JOIN (SELECT preorder, subtree_end FROM spans) AS spans USING (preorder) WHERE is_said OR is_arguments
  ),
  windows AS (
    SELECT DISTINCT window_id FROM texts WHERE NOT is_said AND is_arguments IS DISTINCT FROM true AND window_id IN (SELECT window_id FROM placed)
  ),
  -- What runs were given without a message that brought it whole.
  given AS (
    SELECT
      b.feature, b.number AS to_number, max(a.subtree_end > b.preorder AND a.preorder < b.preorder AND a.is_arguments) AS is_brief,
      arg_max(a.number, (a.subtree_end > b.preorder AND a.preorder < b.preorder AND a.is_arguments, a.moment, a.preorder, a.number)) AS from_number
    FROM (FROM placed WHERE NOT is_said AND is_arguments IS DISTINCT FROM true AND from_preorder IS NULL) AS b
    JOIN sources AS a ON a.feature = b.feature AND a.trace = b.trace
    WHERE a.moment <= b.moment AND a.preorder IS DISTINCT FROM b.preorder
    GROUP BY b.feature, b.number
  ),
  from_documents AS (
    SELECT b.feature, b.number AS to_number, false AS is_brief, arg_max(a.number, (coalesce(a.moment, 0), a.number)) AS from_number
    FROM (FROM standing WHERE NOT is_said AND is_arguments IS DISTINCT FROM true AND from_preorder IS NULL) AS b
    JOIN loose AS a ON a.feature = b.feature
    ANTI JOIN given ON given.feature = b.feature AND given.to_number = b.number
    WHERE coalesce(a.moment <= b.moment, true)
    GROUP BY b.feature, b.number
  ),
  received AS MATERIALIZED (FROM given UNION ALL FROM from_documents),
  -- What a model said and its window held.
  repeated AS (
    SELECT b.feature, b.number AS to_number, arg_min(a.number, (a.moment, a.preorder, a.number)) AS held_number
    FROM (FROM placed WHERE is_said AND NOT is_result AND preorder IS NOT NULL) AS b
    JOIN (FROM placed WHERE NOT is_said AND is_arguments IS DISTINCT FROM true) AS a ON a.feature = b.feature AND a.window_id = b.window_id
    WHERE a.moment <= b.until AND a.until >= b.until
    GROUP BY b.feature, b.number
  ),
  returned AS (
    SELECT b.feature, b.number AS to_number, arg_max(a.number, (a.moment, a.preorder, a.number)) AS from_number
    FROM (FROM sources WHERE is_result AND subtree_end > preorder + 1) AS b
    JOIN (FROM placed WHERE is_said) AS a ON a.feature = b.feature AND a.trace = b.trace
    WHERE a.preorder > b.preorder AND a.preorder < b.subtree_end AND a.moment <= b.moment
    GROUP BY b.feature, b.number
  ),
  unlogged AS (
    SELECT b.feature, b.number AS to_number,
      coalesce(
        arg_max(a.number, (a.moment, a.preorder, a.number)) FILTER (a.agent = b.agent AND a.is_tool_call AND b.is_arguments),
        arg_min(a.number, (a.moment, a.preorder, a.number)) FILTER (a.agent = b.agent),
        arg_max(a.number, (a.preorder, a.number)) FILTER (a.subtree_end > b.preorder AND a.preorder < b.preorder AND a.is_arguments)) AS from_number
    FROM (
      FROM sources
      WHERE from_preorder IS NULL AND (is_arguments OR (is_said AND NOT is_result AND preorder IS NOT NULL AND window_id NOT IN (FROM windows)))
    ) AS b
    JOIN sources AS a ON a.feature = b.feature AND a.trace = b.trace
    WHERE a.moment <= b.moment AND a.preorder <> b.preorder
    GROUP BY b.feature, b.number
  ),
  reread AS (
    SELECT b.feature, b.number AS to_number, max(a.number) AS from_number
    FROM (FROM flow_quotes WHERE kind = 'read_after_write') AS link
    JOIN standing AS b ON b.number = link.to_number
    JOIN standing AS a ON a.number = link.from_number AND a.feature = b.feature
    GROUP BY b.feature, b.number
  ),
  ends AS (
    SELECT feature, from_number, to_number, CASE WHEN is_brief THEN 'brief' ELSE 'other' END AS rule, NULL AS held_number FROM received
    UNION ALL
    SELECT repeated.feature, coalesce(received.from_number, held_number), repeated.to_number, 'window', held_number
    FROM repeated
    LEFT JOIN received ON received.feature = repeated.feature AND received.to_number = held_number
    UNION ALL
    SELECT feature, from_number, to_number, 'return', NULL FROM returned
    UNION ALL
    SELECT feature, from_number, to_number, 'agent', NULL FROM unlogged WHERE from_number IS NOT NULL
    UNION ALL
    SELECT feature, from_number, to_number, 'resource', NULL FROM reread
  ),
  -- What a message brought whole into the window comes from where it was said; what nothing brought, from the call it arrived in.
  said AS (SELECT feature, preorder, text_id, min(number) AS number FROM placed WHERE is_said GROUP BY ALL),
  resolved AS (
    SELECT
      ends.feature, rule, to_number, coalesce(said.number, ends.from_number) AS from_number,
      CASE WHEN rule = 'window' AND ends.from_number = held_number THEN coalesce(a.from_preorder, a.preorder) ELSE a.preorder END AS from_preorder,
      a.text_id AS from_text_id
    FROM ends
    JOIN texts AS a ON a.number = ends.from_number
    LEFT JOIN said
      ON said.feature = ends.feature AND rule = 'window' AND ends.from_number = held_number AND said.preorder = a.from_preorder AND said.text_id = a.text_id
  )
SELECT
  feature, h.what, h.place, rule, from_number, resolved.from_preorder, from_text_id, to_number, b.preorder AS to_preorder, b.text_id AS to_text_id
FROM resolved
JOIN texts AS b ON b.number = to_number
JOIN (SELECT feature, number AS to_number, place, what FROM query_table(hits)) AS h USING (feature, to_number)
WHERE resolved.from_preorder IS DISTINCT FROM b.preorder;

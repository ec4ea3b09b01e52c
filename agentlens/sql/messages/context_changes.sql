-- What came into the window of each model call, what stayed, and what went.
-- include: messages.context_calls
-- include: messages.span_messages
-- include: messages.texts

-- Every message of every window, and every message of the window before that is gone, with what became of it.
CREATE MACRO _context_changes(agent, conversation, least_overlap, least_dropped) AS TABLE
WITH calls AS (FROM _context_calls(agent, conversation)),
logged AS (
  SELECT
    *, row_number() OVER in_order AS step, lead(preorder) OVER in_order AS next_preorder, lag(trace_id) OVER in_order AS trace_before,
    lag(span_id) OVER in_order AS span_before
  FROM calls
  SEMI JOIN (FROM span_message_ranges WHERE direction IN ('system', 'input')) USING (trace_id, span_id)
  WINDOW in_order AS (PARTITION BY agent_name, conversation_id, run_preorder ORDER BY call_index)
),
sent AS (
  SELECT
    preorder, next_preorder, agent_name, conversation_id, run_preorder, step, direction, position, message_hash,
    row_number() OVER (PARTITION BY preorder, direction, message_hash ORDER BY position) AS nth
  FROM span_messages
  JOIN logged USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
),
-- A message stays when it stands in both windows, the second copy of it when two stand in both, and so on.
stays AS (
  SELECT
    * EXCLUDE (agent_name, conversation_id, run_preorder, step, nth),
    lag(step) OVER same IS NOT DISTINCT FROM step - 1 AS was_there,
    lead(step) OVER same IS NOT DISTINCT FROM step + 1 AS stays_on
  FROM sent
  WINDOW same AS (PARTITION BY agent_name, conversation_id, run_preorder, direction, message_hash, nth ORDER BY step)
),
-- The place of what came and went is told by how many messages that stay stand before it.
placed AS (
  SELECT
    *, count(*) FILTER (was_there) OVER above AS place_in, count(*) FILTER (stays_on) OVER above AS place_out
  FROM stays
  WINDOW above AS (PARTITION BY preorder, direction ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
came AS (
  SELECT
    preorder, direction, position, message_hash, role, place_in AS place, parts,
    row_number() OVER (PARTITION BY preorder, direction, place_in, role ORDER BY position) AS turn
  FROM placed
  JOIN messages USING (message_hash)
  WHERE NOT was_there
),
went AS (
  SELECT
    next_preorder AS preorder, direction, position, message_hash, role, place_out AS place, parts,
    row_number() OVER (PARTITION BY next_preorder, direction, place_out, role ORDER BY position) AS turn
  FROM placed
  JOIN messages USING (message_hash)
  WHERE NOT stays_on AND next_preorder IS NOT NULL
),
rewritten AS (
  SELECT came.preorder, came.direction, came.position, went.position AS position_before, went.message_hash AS before_hash
  FROM came
  JOIN went USING (preorder, direction, place, turn)
  WHERE came.role IS NOT DISTINCT FROM went.role AND (
    (came.role = 'tool' AND len(json_extract_string(came.parts, '$[*].id')) > 0
      AND json_extract_string(came.parts, '$[*].id') = json_extract_string(went.parts, '$[*].id'))
    OR _word_overlap(_distinct_words(_message_text(came.parts)), _distinct_words(_message_text(went.parts))) >= least_overlap
  )
),
lost AS (
  FROM went ANTI JOIN rewritten
  ON rewritten.preorder = went.preorder AND rewritten.direction = went.direction AND rewritten.position_before = went.position
),
said_before AS (
  SELECT preorder, trim(part->>'$.content') AS said
  FROM (
    SELECT logged.preorder, unnest(parts::JSON[]) AS part
    FROM logged
    JOIN span_messages ON span_messages.trace_id = trace_before AND span_messages.span_id = span_before
    JOIN messages USING (message_hash)
    WHERE span_messages.direction = 'output' AND json_type(parts) = 'ARRAY'
      AND logged.preorder IN (SELECT preorder FROM lost)
  )
  WHERE part->>'$.type' = 'text' AND length(trim(part->>'$.content')) >= 40
),
summaries AS (
  SELECT came.preorder, arg_min(came.message_hash, came.position) AS summary_hash
  FROM came
  JOIN (SELECT preorder FROM lost GROUP BY preorder HAVING count(*) >= least_dropped) AS cut USING (preorder)
  LEFT JOIN said_before ON said_before.preorder = came.preorder AND contains(_message_text(came.parts), said)
  WHERE came.role NOT IN ('assistant', 'tool') AND (said IS NOT NULL OR _says_summary(_message_text(came.parts)))
    AND (came.preorder, came.direction, came.position) NOT IN (SELECT (preorder, direction, position) FROM rewritten)
  GROUP BY came.preorder
)
SELECT
  placed.preorder, placed.direction, placed.position, message_hash,
  CASE WHEN before_hash IS NOT NULL THEN 'rewritten' WHEN was_there THEN 'same' ELSE 'added' END AS change,
  before_hash, NULL AS summary_hash, place_in AS place, was_there, true AS is_present
FROM placed
LEFT JOIN rewritten
  ON rewritten.preorder = placed.preorder AND rewritten.direction = placed.direction AND rewritten.position = placed.position
UNION ALL
SELECT
  lost.preorder, direction, position, message_hash, CASE WHEN summary_hash IS NULL THEN 'dropped' ELSE 'compacted' END,
  NULL, summary_hash, place, false, false
FROM lost
LEFT JOIN summaries ON summaries.preorder = lost.preorder;

-- What led to some steps: what they were given and repeat, who handed the work to them and who wrote to them, and where those had it from.
-- include: flow.origin
-- include: flow.edges
-- include: agents.handoffs

-- The edges between texts that lead to steps, whose texts or work went on: `hop` (0 the steps themselves), and the columns of `_flow_text_edges`,
-- with `handoff` (to the first step of the run that it began) and `message` (to the next step of the recipient) among the kinds.
CREATE MACRO _flow_texts_leading_to(of_span_ids, most_hops) AS TABLE
WITH RECURSIVE
  asked AS MATERIALIZED (SELECT preorder, trace_id FROM spans WHERE list_contains(of_span_ids, span_id)),
  texts AS MATERIALIZED (FROM flow_texts WHERE trace_id IN (SELECT trace_id FROM asked)),
  -- What stands for a step where the whole step is meant.
  first_texts AS MATERIALIZED (SELECT preorder, arg_min(number, (side, moment, number)) AS number FROM texts WHERE preorder IS NOT NULL GROUP BY preorder),
  passed AS MATERIALIZED (
    SELECT e.*, b.preorder AS to_preorder FROM _flow_text_edges AS e JOIN texts AS b ON b.number = e.to_number JOIN flow_texts AS a ON a.number = e.from_number
    WHERE a.preorder IS DISTINCT FROM b.preorder
  ),
  -- To the step with which the run began, and to those that nothing else leads to.
  handed AS (
    SELECT DISTINCT ON (b.number) 'handoff' AS kind, 'certain' AS confidence, given.number AS from_number, b.number AS to_number, h.task AS passed
    FROM (FROM handoffs WHERE trace_id IN (SELECT trace_id FROM asked)) AS h
    JOIN spans AS run ON run.trace_id = h.trace_id AND run.span_id = h.to_span_id
    JOIN texts AS given ON given.preorder = h.preorder AND given.type = 'arguments'
    JOIN spans AS s ON s.trace_id = h.trace_id AND s.preorder > run.preorder AND s.preorder < run.subtree_end AND s.agent_name = h.to_agent
    JOIN first_texts AS b ON b.preorder = s.preorder
    WHERE s.preorder NOT IN (SELECT to_preorder FROM passed)
      OR NOT EXISTS (FROM first_texts AS earlier WHERE earlier.preorder > run.preorder AND earlier.preorder < s.preorder)
    ORDER BY b.number, run.preorder DESC
  ),
  wrote AS (
    SELECT DISTINCT 'message' AS kind, e.confidence, a.number AS from_number, b.number AS to_number, e.passed
    FROM (FROM flow_edges WHERE kind = 'message' AND trace_id IN (SELECT trace_id FROM asked)) AS e
    JOIN first_texts AS a ON a.preorder = e.from_preorder
    JOIN first_texts AS b ON b.preorder = e.to_preorder
  ),
  edges AS MATERIALIZED (
    SELECT e.kind, e.confidence, e.from_number, e.to_number, e.passed, b.preorder AS to_preorder, a.preorder AS from_preorder
    FROM (
      SELECT kind, confidence, from_number, to_number, passed FROM passed
      UNION ALL FROM handed
      UNION ALL FROM wrote
    ) AS e
    JOIN flow_texts AS a ON a.number = e.from_number
    JOIN texts AS b ON b.number = e.to_number
    WHERE a.preorder IS DISTINCT FROM b.preorder
  ),
  reached(preorder, hop) USING KEY (preorder) AS (
    SELECT preorder, 0 FROM asked
    UNION
    SELECT e.from_preorder, min(r.hop) + 1
    FROM reached AS r
    JOIN edges AS e ON e.to_preorder = r.preorder
    LEFT JOIN recurring.reached AS known ON known.preorder = e.from_preorder
    WHERE known.preorder IS NULL AND e.from_preorder IS NOT NULL AND r.hop < most_hops
    GROUP BY e.from_preorder
  )
SELECT 0 AS hop, NULL::BIGINT AS from_number, number AS to_number, 'first' AS kind, 'certain' AS confidence, NULL AS passed
FROM first_texts SEMI JOIN asked USING (preorder)
UNION ALL
SELECT r.hop + 1, e.from_number, e.to_number, e.kind, e.confidence, e.passed
FROM edges AS e
JOIN reached AS r ON r.preorder = e.to_preorder
WHERE r.hop < most_hops;

-- What led to some steps, such as those of a finding: hop 0 the steps themselves (`first`), hop 1 what they were given and repeat, who handed the work
-- over and who wrote to them, hop 2 where that came from, and so on. Columns as in `flow_origin`, with `handoff` and `message` among the kinds.
CREATE MACRO flow_leading_to(of_span_ids, most_hops := 3) AS TABLE
WITH found AS (FROM _flow_texts_leading_to(of_span_ids, most_hops))
SELECT hop, kind, confidence, trace_id, from_span_id, to_span_id, agent_name, start_time, evidence FROM _flow_rows('found');

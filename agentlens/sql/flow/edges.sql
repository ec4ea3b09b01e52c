-- What depended on what: the flow graph between spans, with proof.
-- include: flow.resources
-- include: flow.texts
-- include: flow.links
-- include: flow.tokens
-- include: agents.handoffs
-- include: detectors.evidence

-- The edges between two steps of which the second is in some traces (a list), in any where the argument is NULL; columns as in `flow_edges`.
CREATE MACRO _flow_edges_in(of_trace_ids) AS TABLE
WITH
  picked AS MATERIALIZED (SELECT unnest(coalesce(of_trace_ids, (SELECT list(DISTINCT trace_id) FROM spans))) AS trace_id),
  steps AS MATERIALIZED (
    SELECT preorder, depth, trace_id, span_id, agent_name, name, tool_name, start_time, source_id, source_line, source_offset, source_length
    FROM spans
    SEMI JOIN picked USING (trace_id)
  ),
  wrote AS (
    SELECT m.trace_id, m.recipient, m.time, m.message_id, s.preorder AS from_preorder
    FROM agent_messages AS m
    JOIN steps AS s USING (trace_id, span_id)
    WHERE m.recipient IS NOT NULL AND m.time IS NOT NULL
  ),
  heard AS (
    SELECT message_id, from_preorder, heard.preorder AS to_preorder
    FROM wrote
    ASOF JOIN (FROM steps WHERE start_time IS NOT NULL AND agent_name IS NOT NULL) AS heard
      ON heard.trace_id = wrote.trace_id AND heard.agent_name = wrote.recipient AND heard.start_time >= wrote.time
  ),
  edges AS (
    SELECT 'parent' AS kind, 'certain' AS confidence, above.preorder AS from_preorder, below.preorder AS to_preorder, NULL AS passed
    FROM steps AS below
    ASOF JOIN steps AS above ON above.depth = below.depth - 1 AND above.preorder < below.preorder
    UNION ALL
    SELECT 'handoff', 'certain', h.preorder, run_preorder, giver.tool_name
    FROM _handoff_pairs_in(of_trace_ids) AS h
    JOIN steps AS giver USING (preorder)
    WHERE run_preorder IS NOT NULL
    UNION ALL
    SELECT 'message', 'possible', from_preorder, to_preorder, message_id FROM heard
    UNION ALL
    SELECT DISTINCT 'carried', 'certain', from_preorder, preorder, message_hash FROM flow_texts SEMI JOIN picked USING (trace_id) WHERE side = 'heard' AND from_preorder IS NOT NULL
    UNION ALL
    SELECT kind, confidence, from_preorder, to_preorder, passed FROM flow_quotes WHERE from_preorder IS NOT NULL AND kind <> 'read_after_write'
    UNION ALL
    SELECT 'read_after_write', confidence, from_preorder, to_preorder, resource FROM flow_rereads
  )
SELECT
  kind, confidence, a.trace_id AS from_trace_id, a.span_id AS from_span_id, a.agent_name AS from_agent, b.trace_id, b.span_id AS to_span_id,
  b.agent_name AS to_agent, b.start_time, passed,
  from_preorder, to_preorder, [
    _evidence(a.source_id, a.source_line, a.source_offset, a.source_length, a.span_id, 'from here: ' || coalesce(passed, a.name)),
    _evidence(b.source_id, b.source_line, b.source_offset, b.source_length, b.span_id, 'to here: ' || coalesce(passed, b.name))
  ] AS evidence
FROM edges
JOIN spans AS a ON a.preorder = from_preorder
JOIN steps AS b ON b.preorder = to_preorder;

-- What went from where to where, one row an edge and thing. `kind`:
-- parent (the span stands below the other); handoff (an agent gave work to another; the edge goes to the run, or where the log has none, to the agent);
-- message (one agent wrote to another: to the first step of the recipient after it); carried (the same message, tool result or text, byte for byte, or what a failed call answered under its id, on its
-- arrival in the window of a call, where it stays until `context_strata` says it is gone; also the call of a tool from the model call that asked for it);
-- quoted (a rare run of at least six words, or a telling value, that had stood in the window or had been handed over; `_flow_links` has the rules);
-- read_after_write (what one tool call wrote and another read: a path, key or URL).
CREATE VIEW flow_edges (
  -- `parent`, `handoff`, `message`, `carried`, `quoted` or `read_after_write`.
  kind,
  -- certain (the log itself shows it), likely, or possible.
  confidence,
  -- Trace of the step it came from.
  from_trace_id,
  -- The step it came from.
  from_span_id,
  -- The agent it came from.
  from_agent,
  -- Trace of the step it came to.
  trace_id,
  -- The step it came to; NULL where only the agent is known.
  to_span_id,
  -- The agent it came to.
  to_agent,
  -- When it came there: the start of that step (UTC).
  start_time,
  -- What came: hash of the message, the run of words or the value, path or key, name of the tool; NULL for parent.
  passed,
  -- Place of the step it came from in tree order.
  from_preorder,
  -- Place of the step it came to in tree order.
  to_preorder,
  -- Where both ends stand, byte for byte, and what they say.
  evidence
) AS
FROM _flow_edges_in(NULL)
UNION ALL
-- What came from a document, or from a message of no step, has no step at its beginning.
SELECT
  q.kind, q.confidence, a.trace_id, NULL, a.agent_name, b.trace_id, b.span_id, b.agent_name, b.start_time, q.passed, NULL, q.to_preorder, [
    _evidence(a.source_id, a.source_line, a.source_offset, a.source_length, NULL, 'from here: ' || q.passed),
    _evidence(b.source_id, b.source_line, b.source_offset, b.source_length, b.span_id, 'to here: ' || q.passed)
  ]
FROM flow_quotes AS q
JOIN flow_texts AS a ON a.number = q.from_number
JOIN spans AS b ON b.preorder = q.to_preorder
WHERE q.from_preorder IS NULL
UNION ALL
-- A handing over whose taker has no run in the log leads to the agent only.
SELECT
  'handoff', 'certain', h.trace_id, h.span_id, h.from_agent, h.trace_id, NULL, h.to_agent, h.start_time, giver.tool_name, h.preorder, NULL,
  [_evidence(giver.source_id, giver.source_line, giver.source_offset, giver.source_length, h.span_id, 'handed over: ' || coalesce(h.task, giver.name))]
FROM handoffs AS h
JOIN spans AS giver ON giver.preorder = h.preorder
WHERE h.to_span_id IS NULL
UNION ALL
-- So does a message of which the log does not say in which step it was written or read.
SELECT
  'message', 'certain', trace_id, span_id, sender, trace_id, NULL, recipient, time, message_id, NULL, NULL,
  [_evidence(source_id, source_line, source_offset, source_length, span_id, payload)]
FROM agent_messages
WHERE recipient IS NOT NULL;

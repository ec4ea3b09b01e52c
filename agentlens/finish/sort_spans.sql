-- Spans in the order trees are built in: traces by their first moment, siblings by start, then by place; each with the
-- position of its parent. Where records are spans, an exporter's order means nothing: there ids decide between equal starts,
-- so that the order of lines and files never matters. A span without a parent in the lens that another span says it
-- spawned hangs under that one, and has the agent name that the other gives it.
CREATE OR REPLACE TEMP TABLE numbered_spans AS
SELECT
  rowid AS staged_row, trace_id, span_id, parent_span_id, agent_name, conversation_id,
  (row_number() OVER (
    ORDER BY
      trace_start NULLS LAST, trace_id, start_time NULLS LAST,
      CASE WHEN NOT is_record THEN source_id END NULLS FIRST, CASE WHEN NOT is_record THEN source_offset END NULLS FIRST, span_id
  ) - 1)::INTEGER AS index
FROM (
  SELECT
    rowid, *,
    source_id IN (FROM span_record_sources) AS is_record,
    min(start_time) OVER (PARTITION BY trace_id) AS trace_start
  FROM staged_spans
);

CREATE OR REPLACE TEMP TABLE spawned_spans AS
SELECT linked_trace_id AS trace_id, linked_span_id AS span_id, min(span_id) AS spawning_span_id,
  min(attributes->>'$."gen_ai.agent.name"') AS agent_name
FROM (FROM staged_span_links UNION ALL BY NAME FROM span_links)
WHERE attributes->>'$."agentlens.relation"' = 'spawned' AND trace_id = linked_trace_id
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE sorted_spans AS
SELECT
  n.staged_row, n.index, n.trace_id, n.span_id, coalesce(s.agent_name, n.agent_name) AS agent_name, n.conversation_id,
  coalesce(p.index, spawner.index, -1) AS parent,
  n.parent_span_id IS NOT NULL AND p.index IS NULL AND spawner.index IS NULL AS is_orphan
FROM numbered_spans AS n
LEFT JOIN numbered_spans AS p ON p.trace_id = n.trace_id AND p.span_id = n.parent_span_id
LEFT JOIN spawned_spans AS s ON s.trace_id = n.trace_id AND s.span_id = n.span_id AND p.index IS NULL
LEFT JOIN numbered_spans AS spawner ON spawner.trace_id = n.trace_id AND spawner.span_id = s.spawning_span_id;

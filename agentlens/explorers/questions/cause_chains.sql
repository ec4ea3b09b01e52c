-- Hypotheses about what caused an incident, each with the places of its steps in tree order, from cause to harm.
SELECT
  rank, detector, tier, hypothesis, strength, speaks_for, speaks_against,
  list(struct_pack(preorder := spans.preorder, agent := step.agent_name, label := step.label, way := step.way) ORDER BY place) AS steps
FROM (
  SELECT * EXCLUDE (span_ids), unnest(chain) AS step, generate_subscripts(chain, 1) AS place
  FROM root_causes(of_trace_id := $trace_id, of_span_id := $span_id)
) AS causes
JOIN spans ON spans.trace_id = step.trace_id AND spans.span_id = step.span_id
GROUP BY ALL
ORDER BY rank

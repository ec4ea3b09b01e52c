-- What changed, the surest first; another mix of work after changes of behaviour.
SELECT
  dimension, member, agent_name, coalesce(agent_name, dimension || ' ' || member) AS subject, measure, tool_name, verdict, epoch_ms(start_time::TIMESTAMP) AS "at", epoch_ms(earliest::TIMESTAMP) AS earliest, epoch_ms(latest::TIMESTAMP) AS latest,
  value_before, value_after, difference_low, difference_high, q_value, explanation, span_ids_before, span_ids_after,
  list_transform(suspects, lambda suspect: suspect.kind) AS suspects
FROM drift_changes
WHERE verdict IN ('step', 'slope', 'workload')
ORDER BY verdict = 'workload', q_value, subject, measure, tool_name

-- The tasks or calls behind one point of Drift.
SELECT unnest(span_ids) AS span_id
FROM measures_by(INTERVAL 1 {unit}, kept := '{dimension}')
WHERE agent_name IS NOT DISTINCT FROM $agent AND measure = $measure AND coalesce(member, tool_name) IS NOT DISTINCT FROM $part AND epoch_ms(time_bucket) = $time

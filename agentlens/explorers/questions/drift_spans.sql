-- The tasks or calls behind one point of Drift.
SELECT unnest(span_ids) AS span_id
FROM measures_by(INTERVAL 1 {unit})
WHERE agent_name = $agent AND measure = $measure AND tool_name IS NOT DISTINCT FROM $tool AND epoch_ms(time_bucket) = $time

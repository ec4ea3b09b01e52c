-- What was released when; what changed for one agent within a minute is one release.
SELECT
  agent_name, epoch_ms(min(start_time)::TIMESTAMP) AS "at", list(struct_pack(kind, value_before, value, share, removed, added) ORDER BY kind) AS parts,
  list(DISTINCT span_id) AS span_ids
FROM releases
WHERE agent_name IN (SELECT unnest($agents))
GROUP BY agent_name, time_bucket(INTERVAL 1 MINUTE, start_time::TIMESTAMP)
ORDER BY 2, 1

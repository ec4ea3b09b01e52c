-- Every wave from dispatch to end.
SELECT
  wave, epoch_ns(start_time) / 1e6 AS start_ms, epoch_ns(end_time) / 1e6 AS end_ms, len(sent)::INTEGER AS sent,
  len(list_distinct(list_transform(list_filter(reported, lambda r: r.kind <> 'heartbeat'), lambda r: r.agent_name)))::INTEGER AS reported,
  done, in_trouble, without_report, errors::INTEGER AS errors, findings::INTEGER AS findings, what_broke, is_first_broken
FROM waves
ORDER BY start_time NULLS LAST, wave

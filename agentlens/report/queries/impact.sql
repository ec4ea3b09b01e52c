-- What it touched: runs that failed, agents with grave findings, and what was spent in vain. Events, as a budget that was passed, are no waste by themselves.
SELECT
  (SELECT count(*) FROM traces) AS runs, (SELECT count(*) FROM traces WHERE status_code = 'ERROR') AS failed_runs,
  (SELECT list(DISTINCT agent_name ORDER BY agent_name) FROM findings WHERE severity IN ('critical', 'warning') AND agent_name IS NOT NULL) AS agents,
  (SELECT count(DISTINCT trace_id) FROM findings WHERE severity IN ('critical', 'warning')) AS touched_runs,
  (SELECT sum(tokens_wasted)::BIGINT FROM findings WHERE tier <> 'event') AS tokens_wasted,
  (SELECT sum(cost_usd_wasted) FROM findings WHERE tier <> 'event') AS cost_usd_wasted,
  (SELECT bool_and(tier = 'proven') FROM findings WHERE tier <> 'event' AND tokens_wasted > 0) AS is_waste_proven,
  (SELECT min(start_time) FROM findings WHERE severity IN ('critical', 'warning')) AS first_time,
  (SELECT max(coalesce(end_time, start_time)) FROM findings WHERE severity IN ('critical', 'warning')) AS last_time

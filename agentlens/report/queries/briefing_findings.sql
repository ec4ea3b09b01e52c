-- What was found by detector and agent, in the period and in the one before; the drift detectors are left to the changes themselves.
SELECT
  detector, agent_name, min_by(severity, severity_rank(severity)) AS severity, min_by(tier, tier_rank(tier)) AS tier,
  count(*) FILTER (start_time >= $since::TIMESTAMP) AS now, count(*) FILTER (start_time < $since::TIMESTAMP) AS before,
  arg_min(summary, (start_time < $since::TIMESTAMP, severity_rank(severity), start_time, summary)) AS summary,
  min(start_time) FILTER (start_time >= $since::TIMESTAMP) AS start_time,
  arg_min(evidence[1], (start_time < $since::TIMESTAMP, severity_rank(severity), start_time, summary)) AS place,
  sum(cost_usd_wasted) FILTER (start_time >= $since::TIMESTAMP) AS cost_usd_wasted
FROM findings
WHERE start_time >= $before::TIMESTAMP AND start_time < $until::TIMESTAMP AND detector NOT IN ('drift_step', 'drift_slope')
GROUP BY detector, agent_name
ORDER BY severity_rank(min_by(severity, severity_rank(severity))), tier_rank(min_by(tier, tier_rank(tier))), start_time, detector, agent_name

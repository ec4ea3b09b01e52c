-- What agents take and give that is different from the period before: changes that chance does not explain, by 20 % or more at like work
-- (shares: by 5 points), with a date in the period, or so late in the period before that most of its work came earlier. Of a slow drift only
-- the part that falls into the period counts. Failures are counted by themselves (`briefing_failures`).
WITH usual AS (
  SELECT agent_name, measure, tool_name, quantile_disc(time, 0.5) AS middle
  FROM observations
  WHERE time >= $before::TIMESTAMP AND time < $since::TIMESTAMP
  GROUP BY ALL
),
changes AS (
  SELECT
    drift_changes.*,
    CASE
      WHEN verdict <> 'slope' THEN value_before
      ELSE value_after - difference * least(1, epoch($until::TIMESTAMP - $since::TIMESTAMP) / nullif(epoch(latest::TIMESTAMP - start_time::TIMESTAMP), 0))
    END AS value_then,
    _is_share(drift_changes.measure) AS is_share
  FROM drift_changes
  JOIN usual
    ON usual.agent_name = drift_changes.agent_name AND usual.measure = drift_changes.measure
    AND usual.tool_name IS NOT DISTINCT FROM drift_changes.tool_name
  WHERE start_time < $until::TIMESTAMP
    AND CASE verdict
      WHEN 'slope' THEN latest >= $since::TIMESTAMP
      WHEN 'step' THEN start_time >= least(middle, $since::TIMESTAMP)
      WHEN 'workload' THEN start_time >= least(middle, $since::TIMESTAMP)
      ELSE false
    END
    AND drift_changes.measure NOT IN ('task_failed', 'task_error_rate', 'tool_failed')
    AND (verdict = 'workload' OR sign(difference_low) = sign(difference_high))
)
SELECT
  agent_name, measure, tool_name, verdict, start_time, earliest, latest, n_before, n_after, value_then, value_after, difference_low,
  difference_high, abs(value_after - value_then) / greatest(abs(value_then), 1e-9) AS size, abs(value_after - value_then) AS points, is_share,
  suspects, span_ids_before, span_ids_after, explanation
FROM changes
WHERE abs(value_after - value_then) >= CASE WHEN is_share THEN 0.05 ELSE 0.2 * abs(value_then) END
ORDER BY agent_name, measure, tool_name, start_time

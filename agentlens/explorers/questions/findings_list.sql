-- Every finding, with times as text for the page, and what MAST and TRAIL call it.
SELECT
  detector, severity, tier, agent_name AS agent, trace_id, span_ids, summary, evidence,
  strftime(start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS start,
  strftime(end_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS end,
  tokens_wasted AS tokens, cost_usd_wasted AS cost, elsewhere, start_time
FROM findings
LEFT JOIN (
  SELECT finding, any_value(nullif(concat_ws('; ', 'MAST ' || mast, 'TRAIL ' || trail), '')) AS elsewhere
  FROM findings_crosswalk
  GROUP BY finding
) ON finding = findings.rowid

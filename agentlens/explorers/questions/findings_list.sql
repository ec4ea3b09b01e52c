-- Every finding, with times as text for the page.
SELECT
  detector, severity, tier, agent_name AS agent, trace_id, span_ids, summary, evidence,
  strftime(start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS start,
  strftime(end_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS end,
  tokens_wasted AS tokens, cost_usd_wasted AS cost, start_time
FROM findings

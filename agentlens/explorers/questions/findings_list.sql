-- Every finding, with times as text for the page, and what MAST and TRAIL call it.
SELECT
  detector, severity, tier, agent_name AS agent, trace_id, span_ids, summary, evidence,
  strftime(start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS start,
  strftime(end_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS end,
  tokens_wasted AS tokens, cost_usd_wasted AS cost, elsewhere, start_time
FROM findings
LEFT JOIN (
  SELECT
    detector AS named, tier AS how_sure, trace_id AS found_in, start_time AS began, summary AS says,
    any_value(nullif(concat_ws('; ', 'MAST ' || mast, 'TRAIL ' || trail), '')) AS elsewhere
  FROM findings_crosswalk
  GROUP BY ALL
) ON named = detector AND how_sure = tier AND says = summary AND found_in IS NOT DISTINCT FROM trace_id AND began IS NOT DISTINCT FROM start_time

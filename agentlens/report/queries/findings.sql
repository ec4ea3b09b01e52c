-- What went wrong, gravest first; of one detector the first 5 before further ones of others, so that none hides the rest.
SELECT
  detector, severity, tier, agent_name, trace_id, coalesce(span_ids, []) AS span_ids, start_time, end_time, summary,
  coalesce(evidence, []) AS evidence, tokens_wasted, cost_usd_wasted
FROM findings
ORDER BY
  severity_rank(severity), row_number() OVER (PARTITION BY severity, detector ORDER BY tier_rank(tier), start_time NULLS LAST, agent_name, summary, trace_id) > 5,
  tier_rank(tier), start_time NULLS LAST, detector, agent_name, summary, trace_id

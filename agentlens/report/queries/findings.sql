-- What went wrong, gravest first.
SELECT
  detector, severity, tier, agent_name, trace_id, coalesce(span_ids, []) AS span_ids, start_time, end_time, summary,
  coalesce(evidence, []) AS evidence, tokens_wasted, cost_usd_wasted
FROM findings
ORDER BY severity_rank(severity), tier_rank(tier), start_time NULLS LAST, detector, agent_name, summary, trace_id

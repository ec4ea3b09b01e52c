-- The case in numbers.
SELECT
  (SELECT count(*) FROM spans) AS spans, (SELECT count(DISTINCT trace_id) FROM spans) AS traces,
  (SELECT count(DISTINCT conversation_id) FROM spans) AS conversations,
  (SELECT count(*) FROM errors) AS errors,
  (SELECT count(*) FROM llm_calls) AS model_calls, (SELECT count(*) FROM tool_calls) AS tool_calls,
  (SELECT count(*) FROM status_reports) AS reports,
  (SELECT sum(coalesce(input_tokens, 0)) FROM usage_ledger WHERE is_counted)::DOUBLE AS input_tokens,
  (SELECT sum(coalesce(output_tokens, 0)) FROM usage_ledger WHERE is_counted)::DOUBLE AS output_tokens,
  (SELECT sum(cost_usd) FROM usage_ledger WHERE is_counted) AS cost_usd,
  (SELECT count(*) FROM usage_ledger WHERE is_counted AND cost_usd IS NULL) AS unpriced,
  (SELECT count(*) FROM findings WHERE severity = 'critical') AS critical,
  (SELECT count(*) FROM findings WHERE severity = 'warning') AS warning,
  (SELECT count(*) FROM findings WHERE severity = 'info') AS info,
  (SELECT count(*) FROM checks) AS checks, (SELECT count(*) FROM checks WHERE outcome = 'could not look') AS blind

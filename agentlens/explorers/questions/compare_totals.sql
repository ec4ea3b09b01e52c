-- What each trace of either side took.
SELECT trace_id, duration_ns / 1e9 AS duration_s, spans, errors, input_tokens, output_tokens, cost_usd
FROM traces
WHERE trace_id IN (SELECT unnest($trace_ids))
ORDER BY trace_id

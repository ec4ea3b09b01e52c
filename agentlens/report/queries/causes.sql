-- What may have caused it, the best hypothesis first, each with its chain of steps to the harm.
SELECT rank, detector, tier, hypothesis, trace_id, span_id, agent_name, start_time, strength, chain, speaks_for, speaks_against, evidence
FROM root_causes(of_trace_id := $trace_id, of_span_id := $span_id)
ORDER BY rank

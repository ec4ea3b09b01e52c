-- Failures that nobody mended: patterns first, then what failed most often.
SELECT agent_name, kind, target, error_class, dead, traces, pattern, message, start_time, end_time, span_ids
FROM dead_letters
ORDER BY list_position(['systemic', 'repeat offender', 'single'], pattern), dead DESC, start_time, agent_name, target

-- What repetitions cost: the model calls that asked for them.
-- include: tokens.usage_ledger

-- Tokens and money of the model calls between the first of some repeated steps and the last, by `trace_id` and `first_place`. Argument: the name
-- of a relation with `trace_id`, `agent_name`, `first_place` (place in tree order), `first_end` and `last_start`.
CREATE MACRO _repeat_costs(of_repeats) AS TABLE
WITH repeats AS MATERIALIZED (SELECT trace_id, agent_name, first_place, first_end, last_start FROM query_table(of_repeats))
SELECT
  repeats.trace_id, first_place, sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0)) AS tokens,
  sum(cost_nano_usd) AS cost_nano_usd
FROM ledger_of((SELECT coalesce(list(DISTINCT trace_id), []) FROM repeats)) AS ledger
JOIN repeats ON repeats.trace_id = ledger.trace_id AND repeats.agent_name IS NOT DISTINCT FROM ledger.agent_name
  AND ledger.start_time >= repeats.first_end AND ledger.start_time <= repeats.last_start
WHERE is_counted
GROUP BY ALL;

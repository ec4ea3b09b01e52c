-- Every usage record of every source with its role, whether it counts, and the rule that decided. Sum the rows where
-- `is_counted`, never `spans`.
--
-- A call that was logged more than once (same `usage_key`) counts once: the record with most output. Of calls that stand
-- inside one another, the innermost with usage counts. An agent's total counts only where no call below it has usage;
-- a total over other totals never does. Fewer than 0 or more than 10^15 tokens are no count. A running total counts only where nothing else in its tree does, and then its last value.
-- It is written anew at the end of every read, by the rules in `_judged_usage`.
CREATE TABLE usage_ledger (
  -- Trace of the record.
  trace_id VARCHAR NOT NULL,
  -- Span that carries it.
  span_id VARCHAR NOT NULL,
  -- `leaf` (one call), `rollup` (a total over what is below), `cumulative` (a running total), `re-emit` (the same call again in
  -- the same source), `replay` (again in another source), `fork prefix` (again in another trace).
  role VARCHAR NOT NULL,
  -- True where the record is part of the sums.
  is_counted BOOLEAN NOT NULL,
  -- Why it counts, or why not.
  rule VARCHAR NOT NULL,
  -- The agent that spent it.
  agent_name VARCHAR,
  -- Version of the agent.
  agent_version VARCHAR,
  -- The conversation.
  conversation_id VARCHAR,
  -- `gen_ai.operation.name`.
  operation_name VARCHAR,
  -- Version of the prompt.
  prompt_version VARCHAR,
  -- When the call began (UTC).
  start_time TIMESTAMP_NS,
  -- When it ended (UTC).
  end_time TIMESTAMP_NS,
  -- The moment whose prices hold (UTC): `start_time`, else the beginning of the run, where only that is logged.
  used_at TIMESTAMP_NS,
  -- `gen_ai.provider.name`.
  provider_name VARCHAR,
  -- The model that answered, else the one that was asked for.
  model VARCHAR,
  -- Input tokens, cached tokens included.
  input_tokens BIGINT,
  -- Output tokens, reasoning included.
  output_tokens BIGINT,
  -- Part of `input_tokens` served from the cache.
  cache_read_input_tokens BIGINT,
  -- Part of `input_tokens` written to the cache.
  cache_write_input_tokens BIGINT,
  -- Part of `cache_write_input_tokens` written to the one-hour cache.
  cache_write_1h_input_tokens BIGINT,
  -- Part of `output_tokens` spent on reasoning.
  reasoning_output_tokens BIGINT,
  -- Money in USD: computed from dated prices where the model has one, else as the log reports it; NULL is unpriced, never 0.
  cost_usd DOUBLE,
  -- `computed`, `reported` or `unpriced`.
  cost_source VARCHAR NOT NULL,
  -- The same money in whole billionths of a dollar, for exact sums.
  cost_nano_usd BIGINT,
  -- Part of `cost_nano_usd` that the input cost, where it is computed from prices.
  input_cost_nano_usd BIGINT,
  -- Cost in USD as the log reports it.
  reported_cost_usd DOUBLE,
  -- Model of the price list that was matched.
  matched_model VARCHAR,
  -- `batch`, `flex`, `priority` or `fast`, where the log says that the call was served so; NULL for plain service.
  service_tier VARCHAR,
  -- `self`, `rollup` or `cumulative`, as the loader understood it.
  usage_scope VARCHAR,
  -- Identity of the metered call, where the log gives one.
  usage_key VARCHAR,
  -- Place of the span in tree order.
  preorder BIGINT NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record.
  source_line BIGINT,
  -- Byte offset of the record.
  source_offset BIGINT,
  -- Length of the record in bytes.
  source_length BIGINT
);

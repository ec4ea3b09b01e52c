-- Staged records with cached tokens, and whether those stand beside the input tokens or are part of them.
SELECT
  *, cached > input_tokens OR total = input_tokens + output_tokens + cached AS is_beside,
  total = input_tokens + output_tokens AS has_plain_total
FROM (
  SELECT
    rowid AS record, source_id, hash(coalesce(resource::VARCHAR, source_id::VARCHAR), provider_name) AS writer, input_tokens,
    coalesce(output_tokens, 0) AS output_tokens,
    greatest(coalesce(cache_read_input_tokens, 0), 0)::HUGEINT + greatest(coalesce(cache_write_input_tokens, 0), 0) AS cached,
    TRY_CAST(coalesce(
      attributes->>'$."llm.usage.total_tokens"', attributes->>'$."gen_ai.usage.total_tokens"',
      attributes->>'$."llm.token_count.total"', attributes->>'$."ai.usage.totalTokens"'
    ) AS BIGINT) AS total
  FROM staged_spans
  WHERE rowid BETWEEN $first_row AND $last_row
    AND source_id IN (SELECT source_id FROM staged_sources WHERE input_tokens_meaning = 'includes cache')
    AND input_tokens IS NOT NULL AND (cache_read_input_tokens > 0 OR cache_write_input_tokens > 0)
);

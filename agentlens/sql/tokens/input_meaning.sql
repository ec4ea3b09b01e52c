-- What input tokens mean in each source, and what shows it.
-- include: tokens.reconciliation

-- The reading of `input_tokens` by source and provider, with the arithmetic that speaks for it or against it. All figures are of the settled
-- values: `input_tokens` with cached tokens.
CREATE VIEW input_tokens_evidence (
  -- The source.
  source_id,
  -- Its path.
  path,
  -- Its format.
  format,
  -- `gen_ai.provider.name`.
  provider_name,
  -- How the source counts cached tokens: known for its format, or settled by arithmetic when it was read.
  meaning,
  -- Number of usage records.
  records,
  -- Records with cached tokens: only these can tell the two readings apart.
  cached_records,
  -- Cached records that also give a total of their own.
  with_total,
  -- Of these, totals that are input and output together, as they must be.
  totals_balance,
  -- Of these, totals that leave the cached tokens out.
  totals_without_cache,
  -- Cached records with more cached than input tokens: impossible under the reading.
  contradictions,
  -- The evidence in one sentence.
  evidence
) AS
WITH records AS (
  SELECT
    ledger.source_id, ledger.provider_name, coalesce(ledger.input_tokens, 0)::HUGEINT AS given, coalesce(ledger.output_tokens, 0)::HUGEINT AS answered,
    coalesce(ledger.cache_read_input_tokens, 0)::HUGEINT + coalesce(ledger.cache_write_input_tokens, 0) AS cached,
    CASE WHEN cached > 0 THEN _claimed_total(attributes) END AS total
  FROM usage_ledger AS ledger
  JOIN spans USING (preorder)
  WHERE ledger.input_tokens IS NOT NULL
),
counted AS (
  SELECT
    source_id, provider_name, count(*) AS records, count(*) FILTER (cached > 0) AS cached_records, count(total) AS with_total,
    count(*) FILTER (total = given + answered) AS totals_balance, count(*) FILTER (total = given + answered - cached) AS totals_without_cache,
    count(*) FILTER (cached > given) AS contradictions
  FROM records
  GROUP BY ALL
)
SELECT
  source_id, path, format, provider_name, input_tokens_meaning, counted.records, cached_records, with_total, totals_balance, totals_without_cache,
  contradictions,
  CASE
    WHEN cached_records = 0 THEN 'no record has cached tokens: both readings give the same figures'
    WHEN contradictions > 0 THEN format('{} of {} cached records have more cached than input tokens: the figures contradict themselves', contradictions, cached_records)
    WHEN with_total > 0 THEN format('{} of {} totals of cached records are input and output together', totals_balance, with_total)
    ELSE format('no record of {} with cached tokens contradicts it, and none has a total that would prove it', cached_records)
  END
FROM counted
JOIN sources USING (source_id);

-- The conventions say that input tokens include cached ones; some writers leave them out. Arithmetic decides, per source and
-- provider: where any record reads or writes more cached tokens than it has input tokens, they cannot be included, and the
-- loader's figure is raised to include them. The source says so in `input_tokens_meaning`.
CREATE OR REPLACE TEMP TABLE cache_excluding_sources AS
SELECT DISTINCT source_id, provider_name
FROM staged_spans
WHERE source_id IN (SELECT source_id FROM staged_sources WHERE input_tokens_meaning = 'includes cache')
  AND coalesce(cache_read_input_tokens, 0) + coalesce(cache_write_input_tokens, 0) > input_tokens;

UPDATE staged_spans AS s
SET input_tokens = s.input_tokens + coalesce(s.cache_read_input_tokens, 0) + coalesce(s.cache_write_input_tokens, 0)
FROM cache_excluding_sources AS c
WHERE s.source_id = c.source_id AND s.provider_name IS NOT DISTINCT FROM c.provider_name AND s.input_tokens IS NOT NULL;

UPDATE staged_sources
SET input_tokens_meaning = 'excludes cache, by arithmetic: a record has more cached than input tokens (added here)'
WHERE source_id IN (SELECT source_id FROM cache_excluding_sources);

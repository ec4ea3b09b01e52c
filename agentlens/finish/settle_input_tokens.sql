-- The conventions say that input tokens include cached ones; some writers leave them out, and both stand in one archive.
-- Arithmetic decides: where a record has more cached than input tokens, or its logged total is input and output and cached
-- tokens together, the cached ones stood beside. What one writer (emitting program and library, else source; and provider) leaves out
-- once, it leaves out always, whatever file it wrote to, but for records whose own total shows the contrary. The loader's figure is raised to include them, and
-- the source says so in `input_tokens_meaning`.
CREATE OR REPLACE TEMP TABLE cache_excluding_writers AS
SELECT writer, bool_or(coalesce(total = input_tokens + output_tokens + cached, false)) AS has_full_totals
FROM cached_records
GROUP BY writer
HAVING bool_or(coalesce(is_beside, false));

CREATE OR REPLACE TEMP TABLE raised_records AS
SELECT cached_records.*
FROM cached_records
JOIN cache_excluding_writers USING (writer)
WHERE coalesce(is_beside, false) OR NOT (has_full_totals AND coalesce(has_plain_total, false));

UPDATE staged_spans AS s
SET input_tokens = TRY_CAST(s.input_tokens + r.cached AS BIGINT)
FROM raised_records AS r
WHERE s.rowid = r.record;

UPDATE staged_sources AS s
SET input_tokens_meaning = format(
  'excludes cache, by arithmetic: {} of {} records with cached tokens cannot include them ({} raised here)',
  shown, cached_records, raised)
FROM (
  SELECT
    source_id, count(*) AS cached_records, count(*) FILTER (is_beside) AS shown,
    count(*) FILTER (record IN (SELECT record FROM raised_records)) AS raised
  FROM cached_records
  GROUP BY source_id
) AS c
WHERE s.source_id = c.source_id AND raised > 0;

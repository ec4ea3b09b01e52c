-- What the evidence is known to lack.

-- Per source: how much of it became evidence, and what is missing, torn or implausible in it.
CREATE VIEW completeness (
  -- The source.
  source_id,
  -- Its file.
  path,
  -- The loader that read it.
  format,
  -- Records met.
  records,
  -- Records that became evidence.
  accepted,
  -- Records that could not be used (FROM rejects).
  rejected,
  -- Records left out on purpose.
  skipped,
  -- True where records = accepted + rejected + skipped, as it must be.
  is_accounted_for,
  -- Spans from this source.
  spans,
  -- Spans whose parent is nowhere in the lens.
  orphans,
  -- Spans whose link to the parent closed a cycle and was cut.
  cycles_cut,
  -- Spans that began and never ended.
  unfinished,
  -- Spans that end before they begin.
  negative_durations,
  -- Spans without any time.
  without_time,
  -- Model calls that report no tokens.
  calls_without_usage,
  -- Spans whose status was never recorded (UNSET).
  without_status,
  -- What the loader knows to be missing, one sentence each.
  known_missing
) AS
WITH per_source AS (
  SELECT
    source_id, count(*) AS spans, count(*) FILTER (is_orphan) AS orphans, count(*) FILTER (is_cycle_broken) AS cycles_cut,
    count(*) FILTER (start_time IS NOT NULL AND end_time IS NULL) AS unfinished,
    count(*) FILTER (duration_ns < 0) AS negative_durations,
    count(*) FILTER (start_time IS NULL AND end_time IS NULL) AS without_time,
    count(*) FILTER (
      operation_name IN ('chat', 'generate_content', 'text_completion') AND input_tokens IS NULL AND output_tokens IS NULL
    ) AS calls_without_usage,
    count(*) FILTER (status_code = 'UNSET') AS without_status
  FROM spans
  GROUP BY source_id
)
SELECT
  source_id, path, format, records, accepted, rejected, skipped, records = accepted + rejected + skipped,
  coalesce(spans, 0), coalesce(orphans, 0), coalesce(cycles_cut, 0), coalesce(unfinished, 0), coalesce(negative_durations, 0),
  coalesce(without_time, 0), coalesce(calls_without_usage, 0), coalesce(without_status, 0), coalesce(known_missing, [])
FROM sources
LEFT JOIN per_source USING (source_id);

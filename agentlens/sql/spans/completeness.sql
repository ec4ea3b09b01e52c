-- What the evidence is known to lack.

-- Whether a text says of itself that it was cut: `...[truncated]`, `… +12 lines`, `<response clipped>`, `[output truncated]`.
CREATE MACRO _is_cut(txt) AS
CASE
  WHEN contains(txt, 'runcated')
  THEN regexp_matches(txt, '(?:\[|<|\(|\.\.\.|…)[^\[\]<>()\n]{0,60}[Tt]runcated[^\[\]<>()\n]{0,60}(?:\]|>|\)|$)')
  WHEN contains(txt, '… +') THEN regexp_matches(txt, '… \+\d+ (?:lines|more)')
  ELSE contains(txt, ' clipped>')
END;

-- Whether a text has a length at which programs cut: 32 or 64 KB, in characters or bytes, one more or less, or in round thousands.
CREATE MACRO _is_at_limit(txt) AS
strlen(txt) >= 32000 AND (
  strlen(txt) IN (32000, 32767, 32768, 64000, 65535, 65536) OR length(txt) IN (32000, 32767, 32768, 64000, 65535, 65536)
);

-- What stands in each source, counted: records by what became of them, and spans that are torn, unfinished, implausible or
-- without what they should have.
CREATE VIEW source_completeness (
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
  -- Model calls that did not fail and report no tokens.
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
      AND status_code <> 'ERROR'
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

-- Children that stand outside their parents in time by more than a second.
CREATE VIEW _skewed_spans (
  -- The source of the children.
  source_id,
  -- Number of children.
  spans
) AS
SELECT child.source_id, count(*)
FROM spans AS child
JOIN spans AS parent ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id
WHERE child.start_time < parent.start_time - INTERVAL 1 SECOND
  OR child.start_time > parent.end_time + INTERVAL 1 SECOND
  OR child.end_time > parent.end_time + INTERVAL 1 SECOND
GROUP BY child.source_id;

-- Texts that say they were cut, or are as long as programs let texts be.
CREATE VIEW _cut_texts (
  -- The source.
  source_id,
  -- Number of texts that say so.
  cut,
  -- Number of texts of a length at which programs cut.
  at_limit
) AS
SELECT source_id, sum(cut), sum(at_limit)
FROM (
  SELECT
    source_id, count(*) FILTER (_is_cut(tool_call_result)) + count(*) FILTER (_is_cut(tool_call_arguments)) AS cut,
    count(*) FILTER (_is_at_limit(tool_call_result)) + count(*) FILTER (_is_at_limit(tool_call_arguments)) AS at_limit
  FROM spans
  GROUP BY source_id
  UNION ALL
  SELECT source_id, count(*) FILTER (_is_cut(parts::VARCHAR)), 0 FROM messages GROUP BY source_id
  UNION ALL
  SELECT source_id, 0, count(*)
  FROM (SELECT source_id, unnest(parts::JSON[]) AS part FROM messages WHERE bytes >= 32000 AND json_type(parts) = 'ARRAY')
  WHERE _is_at_limit(coalesce(part->>'$.content', part->>'$.response'))
  GROUP BY source_id
)
GROUP BY source_id;

-- Days without a sign between days with one, where the gap is more than three times as long as is usual and longer than two
-- days. A rhythm needs five days to show.
CREATE VIEW evidence_gaps (
  -- The source; NULL for all sources together.
  source_id,
  -- Last day before the gap.
  last_day,
  -- First day after it.
  next_day,
  -- Days without a sign.
  days,
  -- How many days usually lie from one day with a sign to the next.
  usual_days
) AS
WITH
  seen AS (
    SELECT DISTINCT source_id, start_time::DATE AS day FROM spans WHERE start_time IS NOT NULL
    UNION SELECT source_id, time::DATE FROM status_reports WHERE time IS NOT NULL
    UNION SELECT source_id, time::DATE FROM sections WHERE time IS NOT NULL
    UNION SELECT source_id, date FROM documents WHERE date IS NOT NULL
  ),
  days AS (FROM seen UNION SELECT NULL, day FROM seen),
  steps AS (SELECT source_id, day, lead(day) OVER (PARTITION BY source_id ORDER BY day) AS next_day FROM days),
  rhythm AS (SELECT source_id, median(next_day - day) AS usual, count(*) AS days FROM steps GROUP BY source_id)
SELECT s.source_id, day, next_day, next_day - day - 1, usual
FROM steps AS s
JOIN rhythm AS r ON r.source_id IS NOT DISTINCT FROM s.source_id
WHERE r.days >= 5 AND next_day - day > greatest(3 * usual, 3);

-- What each check found in each source.
CREATE VIEW _completeness_counts (
  -- The source; NULL where the check looks at all sources together.
  source_id,
  -- Name of the check.
  check_name,
  -- How many.
  count
) AS
WITH limits AS (SELECT unnest([350, 512, 1000, 20000, 25000]) AS cap)
SELECT source_id, check_name, count
FROM (
  UNPIVOT (
    SELECT
      source_id, rejected AS rejects, (NOT is_accounted_for)::BIGINT AS unaccounted, orphans, cycles_cut, unfinished,
      negative_durations, without_time, calls_without_usage, without_status, len(known_missing)::BIGINT AS known_missing
    FROM source_completeness
  )
  ON COLUMNS(* EXCLUDE source_id)
  INTO NAME check_name VALUE count
)
UNION ALL
SELECT source_id, 'clock_skew', spans FROM _skewed_spans
UNION ALL
SELECT source_id, 'truncation_marks', cut FROM _cut_texts
UNION ALL
SELECT source_id, 'length_limits', CASE WHEN at_limit >= 2 THEN at_limit ELSE 0 END FROM _cut_texts
UNION ALL
SELECT source_id, 'row_caps', count(*) FROM sources JOIN limits ON records = cap GROUP BY source_id
UNION ALL
SELECT source_id, 'span_caps', count(*)
FROM (SELECT min(source_id) AS source_id, count(*) AS spans FROM spans GROUP BY trace_id)
JOIN limits ON spans = cap
GROUP BY source_id
UNION ALL
SELECT source_id, 'missing_subagent_files', count(*)
FROM span_links AS l
ANTI JOIN spans AS s ON s.trace_id = l.linked_trace_id AND s.span_id = l.linked_span_id
WHERE attributes->>'$."agentlens.relation"' = 'spawned'
GROUP BY source_id
UNION ALL
SELECT source_id, 'errors_without_detail', count(*)
FROM spans AS s
ANTI JOIN (FROM span_events WHERE name = 'exception') AS e ON e.trace_id = s.trace_id AND e.span_id = s.span_id
WHERE status_code = 'ERROR' AND NOT is_control_flow AND operation_name IN ('chat', 'generate_content', 'text_completion', 'execute_tool')
  AND tool_call_result IS NULL AND coalesce(strlen(status_message), 0) < 100
GROUP BY source_id
UNION ALL
SELECT source_id, 'date_gaps', count(*) FROM evidence_gaps GROUP BY source_id;

-- The checks of `completeness` in their order, and what each says.
CREATE VIEW _completeness_checks (
  -- Order in which they are shown.
  place,
  -- Name of the check.
  check_name,
  -- What it looks at, where a lens may have none of it.
  looks_at,
  -- What it says when it found nothing.
  nothing,
  -- What it says when it found something, with a place for the count.
  something
) AS
FROM (
  VALUES
  (1, 'rejects', NULL, 'Every record could be used or was left out on purpose.', 'Records that could not be used (FROM rejects): {:,}.'),
  (2, 'unaccounted', NULL, 'Every record is accounted for.', 'Sources with records that are not accounted for, a fault of agentlens: {:,}.'),
  (3, 'orphans', 'spans', 'Every span that names a parent has one.', 'Spans that name a parent which is nowhere in the logs: {:,}.'),
  (4, 'cycles_cut', 'spans', 'No span is its own ancestor.', 'Spans whose link to a parent closed a circle and was cut: {:,}.'),
  (5, 'unfinished', 'spans', 'Every span that began has ended.', 'Spans that began and never ended, or whose end the log does not say: {:,}.'),
  (6, 'negative_durations', 'spans', 'No span ends before it begins.', 'Spans that end before they begin: {:,}.'),
  (7, 'clock_skew', 'spans', 'No span lies outside its parent by more than a second.',
    'Spans that lie outside their parent by more than a second, because clocks differ or work went on in the background: {:,}.'),
  (8, 'without_time', 'spans', 'Every span has a time.', 'Spans without any time: {:,}.'),
  (9, 'without_status', 'spans', 'Every span says how it ended.', 'Spans that do not say how they ended (UNSET): {:,}.'),
  (10, 'calls_without_usage', 'model calls', 'Every model call that succeeded reports its tokens.',
    'Model calls that did not fail and report no tokens, which totals therefore leave out: {:,}.'),
  (11, 'truncation_marks', NULL, 'No text says that it was cut.', 'Texts that say they were cut (truncated, … +N lines, clipped): {:,}.'),
  (12, 'length_limits', NULL, 'No two texts of a source are exactly as long as programs let texts be.',
    'Texts that are exactly 32,000, 32,768, 64,000 or 65,536 long and so were probably cut: {:,}.'),
  (13, 'row_caps', NULL, 'No source has a number of records at which tools stop.',
    'Sources with exactly 350, 512, 1,000, 20,000 or 25,000 records, where many tools stop without a word: {:,}.'),
  (14, 'span_caps', 'spans', 'No trace has a number of spans at which tools stop.',
    'Traces with exactly 350, 512, 1,000, 20,000 or 25,000 spans, where many tools stop without a word: {:,}.'),
  (15, 'missing_subagent_files', NULL, 'Every sub-agent that was started has left its steps.',
    'Sub-agents that were started and whose steps are nowhere in the logs, because their files are missing: {:,}.'),
  (16, 'errors_without_detail', 'calls', 'Every failed call says what came back.',
    'Failed calls of which a summary at most was logged, neither the response nor an exception: {:,}.'),
  (17, 'date_gaps', NULL, 'No day is missing from the rhythm of the logs.', 'Gaps of days that break the rhythm of the logs (FROM evidence_gaps): {:,}.'),
  (18, 'known_missing', NULL, 'No loader knows of anything missing.', 'Things that loaders know to be missing (known_missing in sources): {:,}.')
);

-- What the evidence lacks: one row a check, over all sources (`source_id` NULL) and for each source that has something. A check
-- that found nothing, or had nothing to look at, is there too, over all sources, with the count 0.
CREATE VIEW completeness (
  -- The source; NULL for all together.
  source_id,
  -- Its file; NULL for all together.
  path,
  -- Name of the check.
  check_name,
  -- How many; 0 where the check found nothing.
  count,
  -- What that means, in one sentence.
  says
) AS
WITH
  counted AS (
    SELECT source_id, check_name, sum(count)::BIGINT AS count FROM _completeness_counts WHERE count > 0 GROUP BY ALL
  ),
  overall AS (
    SELECT
      NULL::INTEGER AS source_id, check_name,
      coalesce(CASE WHEN check_name = 'date_gaps' THEN max(count) FILTER (source_id IS NULL) ELSE sum(count) END, 0)::BIGINT AS count
    FROM _completeness_checks LEFT JOIN counted USING (check_name)
    GROUP BY check_name
  ),
  there AS (
    SELECT 'spans' WHERE EXISTS (FROM spans)
    UNION ALL
    SELECT 'calls' WHERE EXISTS (FROM spans WHERE operation_name IN ('chat', 'generate_content', 'text_completion', 'execute_tool'))
    UNION ALL
    SELECT 'model calls' WHERE EXISTS (FROM spans WHERE operation_name IN ('chat', 'generate_content', 'text_completion'))
  )
SELECT
  source_id, path, check_name, count,
  CASE
    WHEN count > 0 THEN format(something, count)
    WHEN looks_at IS NOT NULL AND looks_at NOT IN (FROM there) THEN format('There are no {}, so this check had nothing to look at.', looks_at)
    ELSE nothing
  END
FROM (FROM overall UNION ALL BY NAME FROM counted WHERE source_id IS NOT NULL)
JOIN _completeness_checks USING (check_name)
LEFT JOIN sources USING (source_id)
ORDER BY source_id NULLS FIRST, place;

-- What has been read, in a dozen lines.
-- include: lens.sentences
-- include: tokens.usage_ledger
-- include: spans.completeness

-- A count with what a check of `completeness` counts: 1 reject, 2 rejects, 1 call without usage.
CREATE MACRO _gaps(number, word) AS
format('{:,} {}', number, CASE WHEN number = 1 THEN regexp_replace(word, '\b(call|cap|cycle|duration|error|file|gap|limit|mark|orphan|reject)s\b', '\1') ELSE word END);

-- The lines of `repr(lens)`: what there is, when, what it cost, and what is missing.
CREATE VIEW lens_summary (
  -- What the line is about.
  what,
  -- What there is to say.
  value
) AS
WITH
  s AS (
    SELECT
      count(*) AS files, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(records), 0) AS records,
      coalesce(sum(accepted), 0) AS accepted, coalesce(sum(rejected), 0) AS rejected, coalesce(sum(skipped), 0) AS skipped,
      string_agg(DISTINCT format, ', ' ORDER BY format) AS formats, min(first_time) AS first_time, max(last_time) AS last_time
    FROM sources
  ),
  p AS (
    SELECT
      count(*) AS spans, count(DISTINCT trace_id) AS traces, count(*) FILTER (status_code = 'ERROR' AND NOT is_control_flow) AS errors
    FROM spans
  ),
  -- What `completeness` says, but for the checks that read every text or every pair of spans.
  gaps AS (
    SELECT source_id, place, replace(check_name, '_', ' ') AS word, sum(count)::BIGINT AS count
    FROM _completeness_counts JOIN _completeness_checks USING (check_name)
    WHERE count > 0 AND check_name NOT IN ('clock_skew', 'truncation_marks', 'length_limits', 'without_status')
      AND (check_name <> 'date_gaps' OR source_id IS NULL)
      -- A log that never says when a step ended has no unfinished steps.
      AND (check_name <> 'unfinished' OR source_id IN (SELECT source_id FROM spans WHERE end_time IS NOT NULL))
    GROUP BY ALL
  ),
  u AS (
    SELECT
      coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
      sum(cost_usd) AS cost_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced, count(*) AS records
    FROM usage_ledger WHERE is_counted
  ),
  lines AS (
    SELECT 1 AS place, 'sources' AS what,
      format('{}, {} ({})', _plural(s.files, 'file'), _plural(s.bytes::BIGINT, 'byte'), coalesce(s.formats, 'none')) AS value FROM s
    UNION ALL
    SELECT 2, 'records', format('{:,} = {:,} accepted + {:,} rejected + {:,} skipped',
      s.records::BIGINT, s.accepted::BIGINT, s.rejected::BIGINT, s.skipped::BIGINT) FROM s
    UNION ALL
    SELECT 3, 'period', strftime(first_time, '%Y-%m-%d %H:%M:%S') || ' to ' || strftime(last_time, '%Y-%m-%d %H:%M:%S') || ' UTC' FROM s
    WHERE first_time IS NOT NULL
    UNION ALL
    SELECT 4, 'agents', format('{:,}: {}', count(*), string_agg(agent_name, ', ' ORDER BY agent_name))
    FROM (SELECT DISTINCT agent_name FROM agents) HAVING count(*) > 0
    UNION ALL
    SELECT 5, 'traces', format('{:,} with {}', traces, _plural(spans, 'span')) FROM p
    UNION ALL
    SELECT 6, 'messages', format('{:,} distinct, sent {}', (SELECT count(*) FROM messages), _plural(sum(length)::BIGINT, 'time')) FROM span_message_ranges HAVING count(*) > 0
    UNION ALL
    SELECT 7, 'tokens', CASE WHEN u.records = 0 THEN 'not recorded' ELSE format('{:,} in, {:,} out', u.input_tokens::BIGINT, u.output_tokens::BIGINT) END FROM u
    WHERE u.records > 0 OR EXISTS (FROM spans)
    UNION ALL
    SELECT 8, 'cost', CASE WHEN cost_usd IS NULL THEN 'unpriced' ELSE format(CASE WHEN cost_usd < 0.1 THEN '{:.4f} USD' ELSE '{:,.2f} USD' END, cost_usd) END
      || CASE WHEN unpriced > 0 THEN format(' ({} unpriced)', _plural(unpriced, 'model call')) ELSE '' END FROM u WHERE records > 0
    UNION ALL
    SELECT 9, 'errors', _plural(errors, 'span') FROM p WHERE errors > 0
    UNION ALL
    SELECT 10, 'documents', format('{:,} with {}', count(*), _plural((SELECT count(*) FROM sections), 'section')) FROM documents HAVING count(*) > 0
    UNION ALL
    SELECT 11, 'reports', format('{}, {} between agents', _plural(count(*), 'status report'), _plural((SELECT count(*) FROM agent_messages), 'message'))
    FROM status_reports HAVING count(*) > 0
    UNION ALL
    SELECT 12, 'findings', string_agg(format('{:,} {}', n, severity), ', ' ORDER BY severity)
    FROM (SELECT severity, count(*) AS n FROM findings GROUP BY severity) HAVING count(*) > 0
    UNION ALL
    SELECT 13, 'gaps', string_agg(words, ', ' ORDER BY place)
    FROM (SELECT place, _gaps(sum(count)::BIGINT, any_value(word)) AS words FROM gaps GROUP BY place)
    UNION ALL
    SELECT 14, 'most gaps in', string_agg(format('{}: {}', file, words), '; ' ORDER BY total DESC, file)
    FROM (
      SELECT parse_filename(path) AS file, sum(count) AS total, string_agg(_gaps(count, word), ', ' ORDER BY place) AS words
      FROM gaps JOIN sources USING (source_id)
      GROUP BY source_id, path
      ORDER BY total DESC, file LIMIT 3
    )
  )
SELECT what, value FROM lines WHERE value IS NOT NULL AND value <> '' ORDER BY place;

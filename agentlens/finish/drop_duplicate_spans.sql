-- One span stays for each (trace, span id): finished before unfinished, then more output tokens, the later end, the fuller
-- attributes, and last the earlier place, so that the order of reading never decides. Where records are spans, a dropped
-- one counts as skipped; its events, links and messages go with it.
CREATE TEMP TABLE ranked_spans AS
SELECT
  rowid AS staged_row, trace_id, span_id, source_id,
  row_number() OVER better AS rank,
  first_value(source_id) OVER better AS kept_source_id
FROM staged_spans
WINDOW better AS (
  PARTITION BY trace_id, span_id
  ORDER BY
    end_time IS NULL, output_tokens DESC NULLS LAST, end_time DESC NULLS LAST, length(attributes) DESC NULLS LAST,
    source_id, source_offset, rowid DESC
)
QUALIFY count(*) OVER (PARTITION BY trace_id, span_id) > 1;

UPDATE staged_sources AS s
SET
  accepted = s.accepted - d.dropped,
  skipped = s.skipped + d.dropped,
  skipped_reasons = json_merge_patch(
    s.skipped_reasons, json_object('duplicate span', coalesce((s.skipped_reasons->>'$."duplicate span"')::BIGINT, 0) + d.dropped)
  )
FROM (
  SELECT source_id, count(*) AS dropped
  FROM ranked_spans
  WHERE rank > 1 AND source_id IN (FROM span_record_sources)
  GROUP BY source_id
) AS d
WHERE s.source_id = d.source_id;

UPDATE sources AS s
SET
  accepted = s.accepted - d.dropped,
  skipped = s.skipped + d.dropped,
  skipped_reasons = json_merge_patch(
    s.skipped_reasons, json_object('duplicate span', coalesce((s.skipped_reasons->>'$."duplicate span"')::BIGINT, 0) + d.dropped)
  )
FROM (
  SELECT source_id, count(*) AS dropped
  FROM ranked_spans
  WHERE rank > 1 AND source_id IN (FROM span_record_sources) AND source_id NOT IN (SELECT source_id FROM staged_sources)
  GROUP BY source_id
) AS d
WHERE s.source_id = d.source_id;

DELETE FROM staged_spans WHERE rowid IN (SELECT staged_row FROM ranked_spans WHERE rank > 1);

-- What hung on a dropped span of another source.
CREATE TEMP TABLE dropped_spans AS
SELECT DISTINCT trace_id, span_id, source_id FROM ranked_spans WHERE rank > 1 AND source_id <> kept_source_id;

DELETE FROM staged_span_messages AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

DELETE FROM staged_span_events AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

DELETE FROM staged_span_links AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

DELETE FROM span_messages AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

DELETE FROM span_events AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

DELETE FROM span_links AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id;

-- What hung on a dropped span of the same source: the last one staged at each place stays.
DELETE FROM staged_span_messages WHERE rowid IN (
  SELECT rowid FROM staged_span_messages SEMI JOIN ranked_spans USING (trace_id, span_id)
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id, direction, position ORDER BY rowid DESC) > 1
);

DELETE FROM staged_span_events WHERE rowid IN (
  SELECT rowid FROM staged_span_events SEMI JOIN ranked_spans USING (trace_id, span_id)
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id, event_index ORDER BY rowid DESC) > 1
);

DELETE FROM staged_span_links WHERE rowid IN (
  SELECT rowid FROM staged_span_links SEMI JOIN ranked_spans USING (trace_id, span_id)
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id, link_index ORDER BY rowid DESC) > 1
);

DELETE FROM span_messages AS m USING (SELECT DISTINCT trace_id, span_id FROM staged_span_messages) AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id;

DELETE FROM span_events AS m USING (SELECT DISTINCT trace_id, span_id FROM staged_span_events) AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id;

DELETE FROM span_links AS m USING (SELECT DISTINCT trace_id, span_id FROM staged_span_links) AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id;

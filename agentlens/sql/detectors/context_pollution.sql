-- Bad content in what agents share.
-- include: flow.resources
-- include: spans.errors
-- include: detectors.injection
-- include: detectors.evidence

-- Why pollution cannot be looked for; no reason when all is there.
CREATE VIEW _needs_context_pollution (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  timed > 0 AND reads > 0,
  CASE
    WHEN writes = 0 THEN 'no tool call is known to write a file or a memory entry'
    WHEN reads = 0 THEN 'no tool call is known to read a file or a memory entry'
    WHEN timed = 0 THEN 'no tool call that writes has a time recorded'
    ELSE nullif(concat_ws('; ', _untimed('tool calls that write', writes, timed),
      CASE WHEN with_status = 0 THEN 'no span has a status recorded: only orders from outside were looked for' END), '')
  END
FROM (SELECT count(*) FILTER (status_code <> 'UNSET') AS with_status FROM spans), (
  SELECT count(*) FILTER (access = 'write') AS writes, count(*) FILTER (access = 'write' AND is_timed) AS timed, count(*) FILTER (access = 'read') AS reads
  FROM (SELECT access, start_time IS NOT NULL AS is_timed FROM resource_touches UNION ALL SELECT unnest(['write', 'read']), true FROM _flow_kept_and_found)
);

-- A failure, or an order from outside, was written into a file or memory entry as if it were content, and read from there.
--
-- Means: what is wrong became a fact for everybody who reads it. Matters: it outlives the run that made it, and every reader builds on it. Fires when
-- most of what was written (`min_share` of its characters) is the message of a failure earlier in the trace, when it is the error page that an earlier call brought, or when it holds an order that a tool
-- result from outside gave, and the entry was read before it was written anew. One finding an entry. Tier proven. Severity: critical when another
-- agent read it, else warning.
-- Example: `fetch_prices` fails with `502 Bad Gateway`, `write_file prices.md` stores `502 Bad Gateway`, and two agents read prices.md.
-- Leaves alone: logs, incident notes and reports, which are there to tell of failures; entries that nobody read.
-- Misses: wrong content that no failure and no order marks as wrong (see plausible_cascade); files written by a program.
-- Do: remove the entry, run its readers again, and let tools write only what succeeded.
-- scope: fleet
-- version: 4
CREATE MACRO detect_context_pollution(min_share := 0.5) AS TABLE
WITH
-- What one tool kept and another found again, where their names do not say that they write and read.
kept_and_found AS MATERIALIZED (
  SELECT from_preorder, to_preorder, resource FROM _flow_kept_and_found
  WHERE from_preorder NOT IN (SELECT preorder FROM resource_touches) OR to_preorder NOT IN (SELECT preorder FROM resource_touches)
),
-- A relative path names the same file only within a trace.
touches AS MATERIALIZED (
  SELECT *, CASE WHEN contains(resource, '.') AND NOT regexp_matches(resource, '^([/~]|[A-Za-z]:|[a-z]+://)') THEN trace_id ELSE '' END AS shelf
  FROM (
    FROM (SELECT trace_id, span_id, agent_name, access, resource, is_shell, start_time, end_time, preorder FROM resource_touches)
    UNION
    SELECT trace_id, span_id, agent_name, access, kept.resource, false, start_time, end_time, spans.preorder
    FROM (SELECT from_preorder AS preorder, 'write' AS access, resource FROM kept_and_found UNION SELECT to_preorder, 'read', resource FROM kept_and_found) AS kept
    JOIN spans ON spans.preorder = kept.preorder
  )
),
writes AS MATERIALIZED (
  SELECT
    touched.*, _written_text(tool_call_arguments) AS written,
    lead(touched.start_time) OVER (PARTITION BY shelf, touched.resource ORDER BY touched.start_time, touched.preorder) AS next_write
  FROM touches AS touched
  JOIN (SELECT preorder, tool_call_arguments FROM spans) USING (preorder)
  WHERE access = 'write' AND touched.start_time IS NOT NULL AND NOT is_shell
),
-- The same message of a failure is compared once a trace.
failures AS MATERIALIZED (
  SELECT trace_id, _without_error_type(trim(left(message, 400))) AS message, min(coalesce(end_time, start_time)) AS time, arg_min(span_id, start_time) AS span_id
  FROM errors
  WHERE length(trim(message)) >= 12
  GROUP BY ALL
),
bad AS (
  SELECT writes.preorder, failures.span_id AS from_span_id, failures.message AS what, 'a failure' AS kind
  FROM writes
  JOIN failures ON failures.trace_id = writes.trace_id AND failures.time <= writes.start_time
    -- The whole message within what was written, or all that was written within a message with its traceback.
    AND (contains(written, message) OR (length(written) >= 24 AND contains(message, written)))
  WHERE length(message) >= min_share * length(written)
    AND NOT regexp_matches(resource, '(?i)log|error|fail|incident|report|debug|trace|retro|post-?mortem|issue|bug|status|note|todo|blocker')
  UNION ALL
  -- The page of an error that the tool which fetched it took for content.
  SELECT
    pages.preorder, fetched.span_id,
    coalesce(nullif(regexp_extract(regexp_replace(written, '<[^>]*>', ' ', 'g'), '(?i)(error\s+)?[45]\d\d\s+(\pL+\s?){1,4}'), ''), split_part(written, chr(10), 1)), 'a failure'
  FROM (FROM writes WHERE length(written) BETWEEN 12 AND 5000 AND _begins_with_failure(written)) AS pages
  JOIN (SELECT trace_id, span_id, operation_name, preorder, start_time, end_time, tool_call_result FROM spans) AS fetched ON fetched.trace_id = pages.trace_id AND fetched.operation_name = 'execute_tool' AND fetched.preorder <> pages.preorder
    AND coalesce(fetched.end_time, fetched.start_time) <= pages.start_time AND contains(fetched.tool_call_result, left(written, 400))
  WHERE NOT regexp_matches(resource, '(?i)log|error|fail|incident|report|debug|trace|retro|post-?mortem|template|status|result|outcome|40\d|50\d')
  UNION ALL
  SELECT writes.preorder, outside.span_id, outside.order_words, 'an order from outside'
  FROM writes
  JOIN (SELECT *, _order_in(passage) AS order_words FROM _orders_from_outside) AS outside
    ON outside.trace_id = writes.trace_id AND outside.time <= writes.start_time AND contains(written, order_words)
  WHERE NOT regexp_matches(resource, '(?i)log|incident|report|security|retro|post-?mortem|issue|injection')
),
polluted AS (FROM bad QUALIFY row_number() OVER (PARTITION BY preorder ORDER BY length(what) DESC, from_span_id) = 1),
readers AS (
  SELECT
    writes.preorder, list(readings.span_id ORDER BY readings.start_time) AS span_ids, max(readings.start_time) AS end_time,
    list_sort(list(DISTINCT readings.agent_name) FILTER (readings.agent_name IS NOT NULL)) AS agents,
    coalesce(bool_or(readings.agent_name <> writes.agent_name), false) AS is_shared,
    list(_evidence(source_id, source_line, source_offset, source_length, readings.span_id, 'read by ' || coalesce(readings.agent_name, 'an agent')) ORDER BY readings.start_time) AS evidence
  FROM writes
  SEMI JOIN polluted USING (preorder)
  JOIN touches AS readings ON readings.shelf = writes.shelf AND readings.resource = writes.resource AND readings.access = 'read'
    AND readings.start_time >= coalesce(writes.end_time, writes.start_time) AND (next_write IS NULL OR readings.start_time < next_write)
  JOIN spans ON spans.preorder = readings.preorder
  GROUP BY writes.preorder
)
SELECT
  'proven' AS tier, CASE WHEN is_shared THEN 'critical' ELSE 'warning' END AS severity, writes.trace_id, writes.agent_name,
  list_concat([from_span_id, writes.span_id], readers.span_ids)[:50] AS span_ids, writes.start_time, readers.end_time,
  format('{} wrote {} into {} as if it were content ({}); {} read it.', coalesce(writes.agent_name, 'An agent'), kind, writes.resource, _short(what, 60),
    coalesce(nullif(array_to_string(agents, ', '), ''), 'an agent')) AS summary,
  list_concat([
    _evidence(origin.source_id, origin.source_line, origin.source_offset, origin.source_length, from_span_id, 'where it came from: ' || what),
    _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, writes.span_id, 'written: ' || written)
  ], readers.evidence)[:30] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM polluted
JOIN writes USING (preorder)
JOIN readers USING (preorder)
JOIN spans AS here ON here.preorder = writes.preorder
JOIN spans AS origin ON origin.trace_id = writes.trace_id AND origin.span_id = from_span_id;

-- What was changed when: the release timeline of every agent, read off the log itself.
-- include: drift.fingerprints

-- The changes of versions as `releases` has them, without their texts. Argument: a table of versions as `span_versions` is; of it agent_name, kind, value,
-- start_time, trace_id and preorder are read.
CREATE MACRO _releases_of(of_versions) AS TABLE
-- Numbers stand for what is versioned and for its versions: names would be sorted for every call.
WITH versions AS MATERIALIZED (
  SELECT
    agent_name, kind, value, start_time, preorder, hash(agent_name, kind) AS course, hash(agent_name, kind, value) AS version, hash(trace_id) AS trace
  FROM query_table(of_versions)
),
known AS MATERIALIZED (
  SELECT version, any_value(course) AS course, any_value(agent_name) AS agent_name, any_value(kind) AS kind, any_value(value) AS value
  FROM versions
  GROUP BY version
),
varied AS MATERIALIZED (SELECT course, count(*) AS versions FROM known GROUP BY course HAVING count(*) > 1),
spread AS (
  SELECT course, count(DISTINCT trace) AS traces
  FROM versions
  SEMI JOIN (FROM varied WHERE versions > 3) USING (course)
  GROUP BY course
),
versioned AS (SELECT course FROM varied LEFT JOIN spread USING (course) WHERE versions <= 3 OR versions <= traces / 3),
placed AS (
  SELECT
    version, start_time, preorder, row_number() OVER in_time AS place, lag(version) OVER in_time AS version_before,
    lag(start_time) OVER in_time AS previous_time
  FROM versions
  SEMI JOIN versioned USING (course)
  WINDOW in_time AS (PARTITION BY course ORDER BY start_time, preorder)
),
-- A version begins where it was not seen for twenty calls, and ends where it will not be.
numbered AS (
  SELECT
    *, row_number() OVER alike AS number, coalesce(place - lag(place) OVER alike > 20, true) AS is_first,
    coalesce(lead(place) OVER alike - place > 20, true) AS is_last
  FROM placed
  WINDOW alike AS (PARTITION BY version ORDER BY place)
),
ends AS (FROM numbered WHERE is_first OR is_last),
stints AS (
  SELECT
    *, CASE WHEN is_last THEN place ELSE lead(place) OVER alike END AS last_place,
    CASE WHEN is_last THEN number ELSE lead(number) OVER alike END - number + 1 AS calls
  FROM ends
  WINDOW alike AS (PARTITION BY version ORDER BY place)
  QUALIFY is_first
)
SELECT
  newer.agent_name, newer.kind, stints.start_time, previous_time, older.value AS value_before, newer.value, calls, calls / (last_place - place + 1) AS share,
  spans.trace_id, spans.span_id, preorder
FROM stints
JOIN known AS newer USING (version)
JOIN known AS older ON older.version = version_before  -- none before the first
JOIN spans USING (preorder);

-- Every change of something versioned, per agent: what came after what, and what is different. A version that comes back after twenty
-- calls without it counts again (a rollback). Kinds that differ in more than a third of the traces are no versions and are left out.
CREATE VIEW releases (
  -- `gen_ai.agent.name`.
  agent_name,
  -- What changed: a kind of `span_versions`.
  kind,
  -- First call with the new version (UTC).
  start_time,
  -- The call before it (UTC): the change was made between the two.
  previous_time,
  -- The version before.
  value_before,
  -- The new version.
  value,
  -- Calls with the new version until it was replaced.
  calls,
  -- Their share of the agent's calls in that time, 0 to 1: well below 1 means that versions ran side by side.
  share,
  -- Sentences or tools that are gone; NULL for kinds without text.
  removed,
  -- Sentences or tools that are new.
  added,
  -- Trace of the first call with the new version.
  trace_id,
  -- The first call with the new version.
  span_id,
  -- Place of that call in tree order.
  preorder
) AS
WITH all_versions AS MATERIALIZED (FROM span_versions),
texts AS (
  SELECT agent_name, kind, value, any_value(lines) AS lines
  FROM all_versions
  WHERE lines IS NOT NULL
  GROUP BY agent_name, kind, value
)
SELECT
  changed.agent_name, changed.kind, start_time, previous_time, value_before, changed.value, calls, share,
  list_filter(older.lines, lambda line: NOT list_contains(newer.lines, line)),
  list_filter(newer.lines, lambda line: NOT list_contains(older.lines, line)),
  trace_id, span_id, preorder
FROM _releases_of('all_versions') AS changed
LEFT JOIN texts AS newer ON newer.agent_name IS NOT DISTINCT FROM changed.agent_name AND newer.kind = changed.kind AND newer.value = changed.value
LEFT JOIN texts AS older ON older.agent_name IS NOT DISTINCT FROM changed.agent_name AND older.kind = changed.kind AND older.value = value_before;

-- What was changed when: the release timeline of every agent, read off the log itself.
-- include: drift.fingerprints

-- The changes of versions as `releases` has them, without their texts. Argument: a table of versions as `span_versions` is; of it agent_name, kind, value,
-- start_time, trace_id and preorder are read.
CREATE MACRO _releases_of(of_versions) AS TABLE
WITH versions AS MATERIALIZED (SELECT agent_name, kind, value, start_time, trace_id, preorder FROM query_table(of_versions)),
versioned AS MATERIALIZED (
  SELECT agent_name, kind, row_number() OVER () AS course, count(*) AS places
  FROM versions
  GROUP BY agent_name, kind
  HAVING count(DISTINCT value) BETWEEN 2 AND 3 OR count(DISTINCT value) > 1 AND count(DISTINCT value) <= count(DISTINCT hash(trace_id)) / 3
),
numbered AS (
  SELECT
    course, places, value, start_time, preorder, row_number() OVER in_time AS place,
    lag(value) OVER in_time AS value_before, lag(start_time) OVER in_time AS previous_time
  FROM versions
  JOIN versioned ON versioned.agent_name IS NOT DISTINCT FROM versions.agent_name AND versioned.kind = versions.kind
  WINDOW in_time AS (PARTITION BY course ORDER BY start_time, preorder)
),
-- Calls in a row with the same version are one row: their first call, and how many they are.
rows_of_calls AS (
  SELECT *, coalesce(lead(place) OVER (PARTITION BY course ORDER BY place), places + 1) - place AS calls
  FROM numbered
  WHERE value_before IS DISTINCT FROM value
),
marked AS (
  SELECT *, coalesce(place - lag(place + calls - 1) OVER (PARTITION BY course, value ORDER BY place) > 20, true) AS is_new
  FROM rows_of_calls
),
counted AS (SELECT *, sum(is_new::INT) OVER (PARTITION BY course, value ORDER BY place ROWS UNBOUNDED PRECEDING) AS stint FROM marked),
stints AS (
  SELECT
    course, value, min(place) AS place, min(start_time) AS start_time, arg_min(previous_time, place) AS previous_time,
    arg_min(value_before, place) AS value_before, sum(calls)::BIGINT AS calls, sum(calls) / (max(place + calls - 1) - min(place) + 1) AS share,
    min(preorder) FILTER (is_new) AS preorder
  FROM counted
  GROUP BY course, value, stint
)
SELECT
  versioned.agent_name, versioned.kind, stints.start_time, previous_time, value_before, stints.value, stints.calls, share, spans.trace_id, spans.span_id, preorder
FROM stints
JOIN versioned USING (course)
JOIN spans USING (preorder)
WHERE place > 1 AND value_before IS DISTINCT FROM stints.value;

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

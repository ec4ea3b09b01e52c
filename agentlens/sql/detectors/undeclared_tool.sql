-- A tool that its user was never given.
-- include: detectors.evidence

-- A tool's name without case, separators and the prefix of its server.
CREATE MACRO _plain_tool(tool) AS replace(replace(lower(regexp_replace(tool, '^mcp__.+?__', '')), '-', '_'), ' ', '_');

-- Why undeclared tools cannot be looked for; no reason when all is there.
CREATE VIEW _needs_undeclared_tool (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (len(tools) > 0) > 0,
  CASE
    WHEN count(*) FILTER (len(tools) > 0) = 0 THEN 'no agent has a declared list of tools (manifest or identity file)'
    WHEN count(*) FILTER (len(tools) > 0) < count(DISTINCT agent_name)
      THEN format('{} of {} agents have a declared list of tools', count(*) FILTER (len(tools) > 0), count(DISTINCT agent_name))
  END
FROM agents;

-- An agent calls a tool that is not in its declared list.
--
-- Means: the list is out of date, or the agent has more power than it was meant to have. Matters: approval and review rest on the list.
-- One finding an agent and tool. Tier proven, severity warning.
-- Example: the declared tools are search and fetch_page; the agent calls drop_table.
-- Leaves alone: agents without a list; tools whose name differs only in case, `-` and `_`, or by a server prefix (`mcp__server__tool`); lists with `*`.
-- Misses: declared tools used for other ends.
-- Do: take the tool away, or declare it and review why it is needed.
-- scope: fleet
-- version: 1
CREATE MACRO detect_undeclared_tool() AS TABLE
WITH declared AS (
  SELECT agent_name, list_distinct(flatten(list(list_transform(tools, lambda tool: _plain_tool(tool))))) AS tools
  FROM agents
  WHERE len(tools) > 0
  GROUP BY agent_name
),
used AS (
  SELECT
    agent_name, tool_name, count(*) AS calls, list(span_id ORDER BY preorder)[:50] AS span_ids, min(start_time) AS start_time,
    max(coalesce(end_time, start_time)) AS end_time, arg_min(trace_id, preorder) AS trace_id,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, agent_name || ' calls ' || tool_name) ORDER BY preorder)[:10] AS evidence
  FROM spans
  WHERE operation_name = 'execute_tool' AND tool_name IS NOT NULL AND agent_name IN (SELECT agent_name FROM declared)
  GROUP BY agent_name, tool_name
)
SELECT
  'proven' AS tier, 'warning' AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} called {} {} times; its declared tools are {}.', agent_name, tool_name, calls, _short(array_to_string(tools, ', '), 160)) AS summary,
  evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM used
JOIN declared USING (agent_name)
WHERE NOT list_contains(tools, _plain_tool(tool_name)) AND NOT list_contains(tools, '*');

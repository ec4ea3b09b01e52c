-- A tool that its user was never given.
-- include: lens.sentences
-- include: agents.handoffs
-- include: detectors.evidence

-- A tool's name without case, separators, the prefix of its server, and a pattern of arguments in brackets.
CREATE MACRO _plain_tool(tool) AS replace(replace(lower(regexp_replace(regexp_replace(tool, '^mcp__.+?__', ''), '\(.*\)$', '')), '-', '_'), ' ', '_');

-- Whether a call of a tool is covered by a list of plain names: by its name, by its server, by a family (`web` covers `web_search`) or by `*`.
CREATE MACRO _is_declared(tool, declared) AS
list_contains(declared, _plain_tool(tool)) OR list_contains(declared, '*')
OR len(list_filter(declared, lambda name: starts_with(_plain_tool(tool), name || '_') OR starts_with(_plain_tool(tool), name || '.')
  OR replace(lower(regexp_extract(tool, '^mcp__(.+?)__', 1)), '-', '_') = regexp_replace(name, '^mcp__', ''))) > 0;

-- The tools that the model calls of an agent were offered, where each of its calls says so (`gen_ai.tool.definitions` and the like) and each tool has a name.
CREATE VIEW _offered_tools (
  -- The agent.
  agent_name,
  -- Names of tools, as written.
  tools
) AS
WITH offers AS (
  SELECT agent_name, definitions, list_transform(TRY_CAST(definitions AS JSON[]), lambda tool: coalesce(tool->>'$.name', tool->>'$.function.name')) AS names
  FROM (
    SELECT DISTINCT agent_name, CASE WHEN contains(attributes::VARCHAR, 'tool.definitions"') OR contains(attributes::VARCHAR, '"ai.prompt.tools"') OR contains(attributes::VARCHAR, '"llm.tools"')
      THEN coalesce(attributes->>'$."gen_ai.tool.definitions"', attributes->>'$."ai.prompt.tools"', attributes->>'$."llm.tools"') END AS definitions
    FROM spans
    WHERE operation_name IN ('chat', 'generate_content', 'text_completion') AND agent_name IS NOT NULL
  )
)
SELECT agent_name, list_distinct(flatten(list(names)))
FROM offers
GROUP BY agent_name
HAVING bool_and(coalesce(len(names) > 0 AND len(list_filter(names, lambda name: coalesce(name, '') = '')) = 0, false));

-- The tools that are declared for each agent: by manifests and identity files, else by its own run, whose record may list the names of its tools, else by what its model calls were offered.
CREATE VIEW _declared_tools (
  -- The agent.
  agent_name,
  -- Names of tools, as written.
  tools,
  -- Whether it is only what its model calls were offered.
  is_offered
) AS
SELECT agent_name, tools, false FROM agents WHERE len(tools) > 0
UNION ALL
SELECT DISTINCT agent_name, from_json(tools, '["VARCHAR"]'), false
FROM (
  SELECT agent_name, attributes->'$.tools' AS tools
  FROM spans
  WHERE operation_name = 'invoke_agent' AND agent_name IS NOT NULL AND contains(attributes::VARCHAR, '"tools":["')
    AND agent_name NOT IN (SELECT agent_name FROM agents WHERE len(tools) > 0)
)
WHERE json_type(tools) = 'ARRAY'
UNION ALL
SELECT agent_name, tools, true FROM _offered_tools WHERE agent_name NOT IN (SELECT agent_name FROM agents WHERE len(tools) > 0);

-- Why undeclared tools cannot be looked for; no reason when all is there.
CREATE VIEW _needs_undeclared_tool (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  declared > 0,
  CASE
    WHEN declared = 0 THEN 'no agent has a declared list of tools (manifest, identity file, record of its run or of its model calls)'
    ELSE _unjudged('agents', agents, agents - declared, 'no declared list of tools')
  END
FROM (
  SELECT count(DISTINCT agent_name) AS agents, count(DISTINCT agent_name) FILTER (has_list) AS declared
  FROM (SELECT agent_name, false AS has_list FROM agents UNION ALL SELECT agent_name, true FROM _declared_tools)
);

-- An agent calls a tool that is not in its declared list.
--
-- Means: the list is out of date, or the agent has more power than it was meant to have. Matters: approval and review rest on the list.
-- One finding an agent and tool. Tier proven where the agent also calls tools that are declared, else candidate (the list may name
-- other things than tools), and where the list is only what its model calls were offered (a program may call others itself). A step of a home-grown log that is known as a call only by its action, and not by a field or word for tools, counts where the list of
-- another agent names that action as a tool, or where it has arguments by name and other such steps of the agent are declared tools (tier candidate). Severity warning.
-- Example: the declared tools are search and fetch_page; the agent calls drop_table.
-- Leaves alone: agents without a list; tools whose name differs only in case, `-` and `_`, or by a server prefix (`mcp__server__tool`); lists that
-- name the server or the family of a tool, or `*`; tools for handing over (see off_matrix_delegation), for thinking and for ending.
-- Misses: declared tools used for other ends.
-- Do: take the tool away, or declare it and review why it is needed.
-- scope: fleet
-- version: 5
CREATE MACRO detect_undeclared_tool() AS TABLE
WITH declared AS (
  SELECT agent_name, list_distinct(flatten(list(list_transform(tools, lambda tool: _plain_tool(tool))))) AS tools, bool_and(is_offered) AS is_offered
  FROM _declared_tools
  GROUP BY agent_name
),
used AS (
  SELECT
    agent_name, tool_name, count(*) AS calls,
    -- A home-grown line that only names an action says nothing of tools.
    bool_and(tool_name = name AND source_id IN (SELECT source_id FROM sources WHERE format = 'json_lines')) AS is_guessed,
    bool_and(coalesce(starts_with(tool_call_arguments, '{'), false)) AS has_arguments, list(span_id ORDER BY preorder)[:50] AS span_ids, min(start_time) AS start_time,
    max(coalesce(end_time, start_time)) AS end_time, arg_min(trace_id, preorder) AS trace_id,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, agent_name || ' calls ' || tool_name) ORDER BY preorder)[:10] AS evidence
  FROM spans
  WHERE operation_name = 'execute_tool' AND tool_name IS NOT NULL AND agent_name IN (SELECT agent_name FROM declared)
    AND NOT _is_handoff_tool(tool_name)
    AND NOT regexp_matches(tool_name, '^(final_?answer|finish|submit|done|think|thinking|final_result|attempt_completion|todo_?write|exit_?plan_?mode|ask_user_?question)$', 'i')
  GROUP BY agent_name, tool_name
)
SELECT
  CASE WHEN has_declared AND NOT is_guessed AND NOT is_offered THEN 'proven' ELSE 'candidate' END AS tier, 'warning' AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} called {} {}; its declared tools are {}.', agent_name, tool_name, _times(calls), _short(array_to_string(tools, ', '), 160)) AS summary,
  evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM (
  SELECT *, _is_declared(tool_name, tools) AS is_declared, bool_or(_is_declared(tool_name, tools)) OVER (PARTITION BY agent_name) AS has_declared
  FROM used
  JOIN declared USING (agent_name)
)
WHERE NOT is_declared AND (NOT is_guessed OR (has_declared AND has_arguments) OR _plain_tool(tool_name) IN (SELECT unnest(tools) FROM declared));

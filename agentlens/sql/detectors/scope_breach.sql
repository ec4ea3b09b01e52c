-- Memory that belongs to somebody else.
-- include: lens.sentences
-- include: detectors.off_matrix_delegation
-- include: detectors.evidence

-- A scope that names whose it is; NULL for one that says only of what kind it is (`agent`, `private`): the owner stands elsewhere then.
CREATE MACRO _named_scope(scope) AS
CASE WHEN NOT regexp_full_match(trim(scope), '(?i)(agent|private|own|user|personal|individual|team|group)s?') THEN scope END;

-- The scope of memory that a tool call names: its arguments (`scope`, `namespace`, `memory_scope`, `owner`), its attributes
-- (`memory.scope`, `memory.namespace`, `memory.owner`), else the folder after `memory`, `memories`, `agents` or `memory/agents` in its path or key; NULL where it names none.
CREATE MACRO _memory_scope(arguments, attributes) AS
coalesce(
  _named_scope(attributes->>'$."memory.scope"'), _named_scope(attributes->>'$."gen_ai.memory.scope"'), attributes->>'$."memory.namespace"',
  attributes->>'$."memory.owner"', attributes->>'$."memory.scope"',
  CASE WHEN json_valid(arguments) THEN coalesce(
    _named_scope(arguments->>'$.memory_scope'), _named_scope(arguments->>'$.scope'), arguments->>'$.namespace', arguments->>'$.owner', arguments->>'$.owner_agent',
    arguments->>'$.memory_scope', arguments->>'$.scope',
    nullif(regexp_extract(coalesce(arguments->>'$.path', arguments->>'$.file_path', arguments->>'$.memory_key', arguments->>'$.key', ''),
      '(?i)(?:^|[/:.])(?:memory|memories|agents|workspaces?)[/:](?:(?:agents?|users?|private)[/:])?([^/:]+)[/:]', 1), ''),
    nullif(regexp_extract(coalesce(arguments->>'$.memory_key', arguments->>'$.key', ''), '^(?:agent[:/])?([^/:]+)[/:].', 1), '')) END);

-- Every use of memory: by a tool whose name speaks of memory, by attributes, or by a path to a memory file.
CREATE VIEW _memory_calls (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The tool.
  tool_name,
  -- The scope as written; NULL where none is named.
  scope,
  -- The same as a plain name: without `agent:`, `team:`, `private:` in front, case and separators.
  owner,
  -- True where the scope is said to be one of a team.
  is_team,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Place in tree order.
  preorder
) AS
SELECT
  trace_id, span_id, agent_name, tool_name, scope,
  _plain_agent(regexp_replace(scope, '^(?i)((agent|team|group|private|user|own|shared)s?[:/_. -])+', '')),
  regexp_matches(scope, '^(team|group)', 'i'), start_time, end_time, preorder
FROM (
  SELECT *, _memory_scope(tool_call_arguments, attributes) AS scope
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR'
    AND (regexp_matches(tool_name, 'memor|remember|recall|forget|knowledge|notes?(_|$)|blackboard|scratchpad|kv_', 'i')
      OR contains(attributes::VARCHAR, 'memory.') OR regexp_matches(tool_call_arguments, '(?i)(memory|memories)[/:]|"memory_(key|scope)"|/MEMORY\.md'))
);

-- Why breaches of scope cannot be looked for; no reason when all is there.
CREATE VIEW _needs_scope_breach (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  usable > 0,
  CASE
    WHEN usable = 0 THEN 'no use of memory names its scope or owner'
    ELSE _unjudged('uses of memory', uses, uses - usable, 'no agent or no scope recorded')
  END
FROM (SELECT count(*) AS uses, count(scope) FILTER (agent_name IS NOT NULL) AS usable FROM _memory_calls);

-- An agent reads or writes memory outside its own, its team's and the global scope.
--
-- Means: it works with what was meant for another, or leaves traces where nobody expects them. Matters: private facts leak, and notes of one
-- agent change the behaviour of another. A scope is foreign when it is the name of another known agent, the name of a team of which the agent's declaration
-- does not make it a member, or not among the scopes that are declared for the agent (`memory_scopes`, `scopes`). One finding an agent and
-- scope. Tier proven where scopes or teams are declared for the agent, else event. Severity: critical for writing where it is declared, else warning.
-- Example: an agent of team red writes to `team:blue`.
-- Leaves alone: its own scope, that of its team, global, shared, common and public scopes; scopes that are no name of an agent or team;
-- agents whose subordinates the scope belongs to; failed calls.
-- Misses: memory behind tools that do not name a scope; shells that open files.
-- Do: look who read that scope since; move the note where it belongs.
-- scope: fleet
-- version: 3
CREATE MACRO detect_scope_breach() AS TABLE
WITH declared AS MATERIALIZED (
  SELECT
    _plain_agent(agent_name) AS agent, max(_plain_agent(reports_to)) AS manager,
    max(_plain_agent(coalesce(attributes->>'$.team', attributes->>'$.group', attributes->>'$.squad'))) AS team,
    flatten(list(list_transform(coalesce(from_json(coalesce(attributes->'$.memory_scopes', attributes->'$.memory.scopes', attributes->'$.scopes'), '["VARCHAR"]'), []),
      lambda scope: _plain_agent(regexp_replace(scope, '^(?i)((agent|team|group|private|user|own|shared)s?[:/_. -])+', ''))))) AS scopes
  FROM agents
  GROUP BY agent
),
teams AS (SELECT DISTINCT team FROM declared WHERE team IS NOT NULL),
foreign_uses AS (
  SELECT uses.*, me.team IS NOT NULL OR len(me.scopes) > 0 AS is_declared, owner_agent.agent IS NOT NULL AS is_agent,
    regexp_matches(tool_name, '(^|_)(write|save|store|put|set|add|append|update|create|delete|remember|edit|insert|forget)|Write|Edit', 'i') AS is_write
  FROM _memory_calls AS uses
  JOIN declared AS me ON me.agent = _plain_agent(uses.agent_name)
  LEFT JOIN declared AS owner_agent ON owner_agent.agent = uses.owner
  LEFT JOIN teams ON teams.team = uses.owner
  WHERE uses.scope IS NOT NULL AND uses.owner <> me.agent AND uses.owner NOT IN ('global', 'shared', 'common', 'public', 'all', 'team', 'own', 'self', 'private', 'session', 'agent', 'org', 'project', 'user', '')
    AND uses.owner IS DISTINCT FROM me.team AND NOT list_contains(me.scopes, uses.owner)
    AND owner_agent.manager IS DISTINCT FROM me.agent
    AND (owner_agent.agent IS NOT NULL OR (teams.team IS NOT NULL AND me.team IS NOT NULL) OR len(me.scopes) > 0 OR (uses.is_team AND me.team IS NOT NULL))
)
SELECT
  CASE WHEN bool_or(is_declared) THEN 'proven' ELSE 'event' END AS tier, CASE WHEN bool_or(is_write AND is_declared) THEN 'critical' ELSE 'warning' END AS severity,
  arg_min(foreign_uses.trace_id, foreign_uses.preorder) AS trace_id, foreign_uses.agent_name,
  list(foreign_uses.span_id ORDER BY foreign_uses.preorder)[:50] AS span_ids, min(foreign_uses.start_time) AS start_time,
  max(coalesce(foreign_uses.end_time, foreign_uses.start_time)) AS end_time,
  format('{} {} the memory scope {} {}, which is not its own.', foreign_uses.agent_name, CASE WHEN bool_or(is_write) THEN 'wrote to' ELSE 'read' END, any_value(scope),
    _times(count(*))) AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, spans.span_id, spans.tool_name || ' ' || coalesce(tool_call_arguments, '')) ORDER BY foreign_uses.preorder)[:20] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM foreign_uses
JOIN spans ON spans.preorder = foreign_uses.preorder
GROUP BY foreign_uses.agent_name, owner;

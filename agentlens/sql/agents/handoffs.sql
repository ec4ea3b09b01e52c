-- Work passed from one agent to another.
-- include: spans.kinds
-- include: tokens.inside

-- Whether a tool is made for handing work over, by its name.
CREATE MACRO _is_handoff_tool(tool) AS
coalesce(regexp_matches(tool, '^(transfer_to_.+|(handoff|hand_off|delegate|dispatch)(_.*)?|Task|Agent|(assign|give)_(task|work|job)|(spawn|start|call|invoke|launch)_(sub_?)?agent)$'), false);

-- Whether a tool calls for a person, by its name in any spelling (`ask_user`, `escalateToHuman`, `request-approval`). Looking a user up or sending one a
-- notice (`get_user`, `notify_user`) does not.
CREATE MACRO _asks_a_person(tool) AS
coalesce(regexp_matches(
  '_' || lower(regexp_replace(regexp_replace(tool, '([a-z\d])([A-Z])', '\1_\2', 'g'), '[^A-Za-z\d]+', '_', 'g')) || '_',
  '_(ask|consult|prompt|escalate|transfer|hand_?off|(wait|await)_for)_((to|for|from|on|a|an|the|input|help|approval|over)_)*(human|user|person|operator|supervisor)_' ||
  '|_(notify|page|alert|call|contact)_((to|for|a|an|the|in)_)*(human|person|operator|supervisor)_' ||
  '|_(get|query|request|require|await|collect)_((for|from|a|an|the)_)*(human|user|person|operator|supervisor)_(input|approval|review|feedback|help|decision|confirmation|intervention|assistance)_' ||
  '|_(get|query|request|require|await)_((for|a|an|the)_)*human_$|_(request|require|await)_((for|a|an|the)_)*approval_|_(get|collect)_(input|approval|feedback)_from_((a|the)_)*(human|user|person|operator)_' ||
  '|_human_(input|approval|review|feedback|help|decision|intervention|assistance|in_the_loop|handoff|escalation)_|^_human_$|^_ask_followup_question_$|_escalate_|^_escalation_$'
), false);

-- The agent that a handing over names: in the name of tool or step, else in its arguments; NULL where neither does.
CREATE MACRO _handoff_target(operation, span_name, tool, arguments) AS
CASE
  WHEN operation IS NULL THEN nullif(trim(substr(span_name, 12)), '')
  ELSE coalesce(
    -- `transfer_to_agent` names nobody.
    nullif(nullif(regexp_extract(tool, '^transfer_to_(.+)$', 1), ''), 'agent'),
    CASE WHEN json_valid(arguments) THEN coalesce(
      arguments->>'$.subagent_type', arguments->>'$.agent', arguments->>'$.agent_name', arguments->>'$.agent_id',
      arguments->>'$.recipient', arguments->>'$.to', arguments->>'$.assignee', arguments->>'$.target'
    ) END
  )
END;

-- Who handed over and whose run it began, in some traces (a list), in all where the argument is NULL: preorder (the place of the handing over), kind as in
-- `handoffs`, named_agent, run_preorder (the place of the run; NULL where the log has none).
CREATE MACRO _handoff_pairs_in(of_trace_ids) AS TABLE
WITH picked AS MATERIALIZED (SELECT unnest(coalesce(of_trace_ids, (SELECT list(DISTINCT trace_id) FROM spans))) AS trace_id),
steps AS MATERIALIZED (SELECT preorder, depth, agent_name FROM spans SEMI JOIN picked USING (trace_id)),
runs AS MATERIALIZED (
  SELECT run.preorder, run.agent_name, above.preorder AS above_preorder, above.agent_name AS above_agent
  FROM (FROM spans SEMI JOIN picked USING (trace_id) WHERE operation_name = 'invoke_agent') AS run
  ASOF LEFT JOIN steps AS above ON above.depth = run.depth - 1 AND above.preorder < run.preorder
),
named AS (
  SELECT
    preorder, subtree_end, CASE WHEN operation_name = 'execute_tool' THEN 'tool' ELSE 'step' END AS kind,
    _handoff_target(operation_name, name, tool_name, tool_call_arguments) AS named_agent
  FROM spans
  SEMI JOIN picked USING (trace_id)
  WHERE (operation_name = 'execute_tool' AND _is_handoff_tool(tool_name))
    OR (operation_name IS NULL AND starts_with(lower(name), 'handoff to '))
),
asked AS MATERIALIZED (
  SELECT named.*, CASE WHEN runs.preorder < named.subtree_end THEN runs.preorder END AS run_preorder
  FROM named
  ASOF LEFT JOIN runs ON runs.preorder > named.preorder
)
SELECT preorder, kind, named_agent, run_preorder FROM asked WHERE named_agent IS NOT NULL OR run_preorder IS NOT NULL
UNION ALL
SELECT above_preorder, 'run', NULL, preorder
FROM runs
WHERE above_agent <> agent_name AND preorder NOT IN (SELECT run_preorder FROM asked WHERE run_preorder IS NOT NULL);

-- Tool calls with the run of another agent directly below them: they hand over, whatever the tool is called.
CREATE VIEW _calls_of_agents (
  -- Place of the call in tree order.
  preorder,
  -- Trace of the call.
  trace_id,
  -- The tool.
  tool_name,
  -- The agent that ran below, the first where there are several.
  to_agent
) AS
SELECT above.preorder, any_value(above.trace_id), any_value(above.tool_name), arg_min(run.agent_name, run.preorder)
FROM (SELECT trace_id, parent_span_id, agent_name, preorder FROM spans WHERE operation_name = 'invoke_agent') AS run
JOIN spans AS above ON above.trace_id = run.trace_id AND above.span_id = run.parent_span_id
WHERE above.operation_name = 'execute_tool' AND above.agent_name IS DISTINCT FROM run.agent_name
GROUP BY above.preorder;

-- Every delegation: a tool made for it (`transfer_to_x`, `handoff`, `delegate_x`, `dispatch_x`, `Task`, `Agent`, `assign_task`,
-- `spawn_agent`), a step called
-- `handoff to x`, and every run of an agent below a span of another agent, whatever tool started it.
CREATE VIEW handoffs (
  -- Trace it happened in.
  trace_id,
  -- The span that handed over.
  span_id,
  -- `tool` (a tool made for handing over), `step` (a step named for it), `run` (another agent runs below).
  kind,
  -- The agent that handed over.
  from_agent,
  -- The agent that took over: the one that ran, else the one that was named.
  to_agent,
  -- The run of the agent that took over; NULL where the log has none.
  to_span_id,
  -- What it was told: the arguments of the tool call.
  task,
  -- When it was handed over (UTC): when the tool or step began, or the run itself where only the run tells.
  start_time,
  -- When the run, else the handing over, ended (UTC).
  end_time,
  -- Duration of the run, else of the handing over, in nanoseconds.
  duration_ns,
  -- True where the run or the handing over failed.
  is_error,
  -- Input and output tokens spent on it; NULL where the log does not tell.
  tokens,
  -- Money in USD spent on it, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Where both are known from: `run` (everything inside the run), `time` (the log has no run of the agent that took over, but all that
  -- it spent in the trace falls into the times when work was handed to it, one at a time), NULL.
  spent_known_from,
  -- Place of the handing over in tree order.
  preorder
) AS
WITH both_ways AS MATERIALIZED (FROM _handoff_pairs_in(NULL)),
waiting AS (
  SELECT preorder, trace_id, named_agent AS to_agent, start_time, end_time
  FROM both_ways
  JOIN spans USING (preorder)
  WHERE run_preorder IS NULL AND named_agent IS DISTINCT FROM agent_name
),
-- What an agent spent outside of its runs in a trace where work was handed to it without one, and into how many such times it falls.
loose AS (
  SELECT
    usage.trace_id, usage.agent_name, count(waiting.preorder) AS times, min(waiting.preorder) AS preorder,
    coalesce(any_value(usage.input_tokens), 0)::HUGEINT + coalesce(any_value(usage.output_tokens), 0) AS tokens,
    any_value(usage.cost_nano_usd) AS cost_nano_usd
  FROM usage_ledger AS usage
  SEMI JOIN waiting ON waiting.trace_id = usage.trace_id AND waiting.to_agent = usage.agent_name
  ANTI JOIN (FROM spans WHERE operation_name = 'invoke_agent') AS runs
    ON runs.trace_id = usage.trace_id AND runs.agent_name = usage.agent_name AND usage.preorder BETWEEN runs.preorder AND runs.subtree_end - 1
  LEFT JOIN waiting
    ON waiting.trace_id = usage.trace_id AND waiting.to_agent = usage.agent_name
    AND usage.start_time BETWEEN waiting.start_time AND waiting.end_time
  WHERE usage.is_counted
  GROUP BY usage.trace_id, usage.agent_name, usage.preorder
),
in_its_time AS (
  SELECT preorder, sum(tokens) AS tokens, sum(cost_nano_usd) AS cost_nano_usd
  FROM (FROM loose QUALIFY bool_and(times = 1) OVER (PARTITION BY trace_id, agent_name))
  GROUP BY preorder
)
SELECT
  giver.trace_id, giver.span_id, both_ways.kind, giver.agent_name, coalesce(taker.agent_name, named_agent), taker.span_id AS to_span_id,
  giver.tool_call_arguments, CASE WHEN both_ways.kind = 'run' THEN coalesce(taker.start_time, giver.start_time) ELSE giver.start_time END,
  coalesce(taker.end_time, giver.end_time),
  coalesce(taker.duration_ns, giver.duration_ns),
  (coalesce(taker.status_code, 'OK') = 'ERROR' AND NOT coalesce(taker.is_control_flow, false))
    OR (giver.status_code = 'ERROR' AND NOT giver.is_control_flow),
  _whole(coalesce(inside.tokens, in_its_time.tokens)), coalesce(inside.cost_nano_usd, in_its_time.cost_nano_usd) / 1e9,
  CASE WHEN inside.tokens IS NOT NULL THEN 'run' WHEN in_its_time.tokens IS NOT NULL THEN 'time' END, giver.preorder
FROM both_ways
JOIN spans AS giver USING (preorder)
LEFT JOIN spans AS taker ON taker.preorder = both_ways.run_preorder
LEFT JOIN _subtree_usage AS inside ON inside.preorder = both_ways.run_preorder
LEFT JOIN in_its_time ON in_its_time.preorder = both_ways.preorder AND both_ways.run_preorder IS NULL;

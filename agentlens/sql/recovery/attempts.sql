-- What was tried after each failure.
-- include: spans.runs
-- include: spans.actions
-- include: messages.texts
-- include: agents.handoffs

-- The distinct words of what a call was given: of the values where they are a JSON object, of the text else. Of a path or an address only its
-- last part counts: two files of one folder are two matters.
CREATE MACRO _given_words(arguments) AS
list_filter(
  _distinct_words(regexp_replace(CASE
    WHEN starts_with(ltrim(left(arguments, 20)), '{') AND json_valid(arguments) AND json_type(arguments) = 'OBJECT'
      THEN left(array_to_string(json_extract_string(arguments, '$.*'), ' '), 2000)
    ELSE left(arguments, 2000)
  END, '(?:[\w.:~@-]*/)+([\w.@-]+)', '\1', 'g')),
  lambda word: length(word) >= 2
);

-- Calls and runs in traces where something failed, in the order of the run they stand in.
CREATE VIEW _steps_near_failures (
  -- Trace of the step.
  trace_id,
  -- The step.
  span_id,
  -- The agent that did it.
  agent_name,
  -- `tool`, `model`, `agent` or `retrieval`.
  kind,
  -- The tool, the model or the agent.
  target,
  -- Arguments as logged.
  arguments,
  -- Whether it failed; handoffs and interrupts are no failures.
  is_error,
  -- Whether it only waits or looks whether something is ready.
  is_waiting,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Where it stands among the steps that its own step is one of: trace, kind and run.
  lane,
  -- Number of the step in its lane, from 1.
  place,
  -- Place in tree order.
  preorder
) AS
WITH failing AS MATERIALIZED (
  SELECT DISTINCT trace_id FROM spans WHERE status_code = 'ERROR' AND NOT is_control_flow
),
steps AS (
  SELECT
    *, _span_kind(operation_name) AS kind,
    CASE _span_kind(operation_name)
      WHEN 'tool' THEN tool_name
      WHEN 'model' THEN coalesce(response_model, request_model, '')
      WHEN 'agent' THEN agent_name
      ELSE name
    END AS target
  FROM spans
  SEMI JOIN failing USING (trace_id)
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion', 'invoke_agent', 'retrieval') AND start_time IS NOT NULL
),
laned AS (
  SELECT
    steps.*,
    -- Runs follow one another where the same agent is asked again in the same trace, at the same depth.
    CASE kind
      WHEN 'agent' THEN concat_ws(' ', trace_id, 'agent', depth, agent_name)
      ELSE concat_ws(' ', trace_id, kind, coalesce(run_preorder::VARCHAR, coalesce(conversation_id, '') || ' ' || coalesce(agent_name, '')))
    END AS lane
  FROM steps
  LEFT JOIN _runs_of_calls((SELECT list(trace_id) FROM failing)) USING (preorder)
)
SELECT
  trace_id, span_id, agent_name, kind, target, tool_call_arguments, status_code = 'ERROR' AND NOT is_control_flow,
  kind = 'tool' AND _is_waiting(tool_name, tool_call_arguments), start_time, end_time, lane,
  row_number() OVER (PARTITION BY lane ORDER BY start_time, preorder), preorder
FROM laned;

-- For every failed call or run, the next thing that was tried for the same end, within the 20 steps after it.
--
-- What counts as tried for the same end: the same action again with nothing in between (`retry`) or after other work (`repair`); the same
-- tool with arguments that have most words in common (`rephrase`); another tool that is given most of the same words, or another model
-- (`fallback`); a tool made for handing over that is given most of the same words (`delegate`); another run of the same agent (`rerun`).
-- Steps that began before the failure ended were not tried because of it.
CREATE VIEW recovery_attempts (
  -- Trace of both.
  trace_id,
  -- The span that failed.
  failed_span_id,
  -- The span that was tried next.
  span_id,
  -- The agent.
  agent_name,
  -- `tool`, `model`, `agent` or `retrieval`.
  kind,
  -- The tool, model or agent that failed.
  target,
  -- The one that was tried.
  next_target,
  -- retry, repair, rephrase, fallback, delegate or rerun.
  strategy,
  -- True where what was tried did not fail.
  is_success,
  -- From the end of the failure to the begin of the attempt, in nanoseconds.
  pause_ns,
  -- When the failure ended (UTC).
  failed_time,
  -- When the attempt began (UTC).
  start_time,
  -- When the attempt ended (UTC); NULL when unfinished.
  end_time,
  -- Place of the failed span in tree order.
  failed_preorder,
  -- Place of the attempt in tree order.
  preorder
) AS
WITH steps AS MATERIALIZED (FROM _steps_near_failures),
pairs AS (
  SELECT failed.*, failed.place + near AS next_place, near
  FROM (FROM steps WHERE is_error) AS failed, (SELECT unnest(range(1, 21)) AS near)
),
compared AS (
  SELECT
    pairs.trace_id, pairs.span_id AS failed_span_id, next.span_id, pairs.agent_name, pairs.kind, pairs.target, next.target AS next_target,
    CASE
      WHEN pairs.kind = 'agent' THEN 'rerun'
      WHEN pairs.kind = 'model' THEN CASE WHEN next.target = pairs.target OR '' IN (next.target, pairs.target) THEN 'retry' ELSE 'fallback' END
      WHEN next.is_waiting AND NOT pairs.is_waiting THEN NULL
      WHEN next.target = pairs.target AND next.arguments IS NOT DISTINCT FROM pairs.arguments
        THEN CASE WHEN near = 1 THEN 'retry' ELSE 'repair' END
      WHEN _word_overlap(_given_words(pairs.arguments), _given_words(next.arguments)) > 0.5 THEN CASE
        WHEN next.target = pairs.target THEN 'rephrase'
        WHEN _is_handoff_tool(next.target) THEN 'delegate'
        ELSE 'fallback'
      END
    END AS strategy,
    NOT next.is_error AS is_success,
    epoch_ns(next.start_time) - epoch_ns(coalesce(pairs.end_time, pairs.start_time)) AS pause_ns,
    coalesce(pairs.end_time, pairs.start_time) AS failed_time, next.start_time, next.end_time,
    pairs.preorder AS failed_preorder, next.preorder, near
  FROM pairs
  JOIN steps AS next ON next.lane = pairs.lane AND next.place = pairs.next_place
  WHERE next.start_time >= coalesce(pairs.end_time, pairs.start_time)
)
SELECT * EXCLUDE (near)
FROM compared
WHERE strategy IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY failed_preorder ORDER BY near) = 1;

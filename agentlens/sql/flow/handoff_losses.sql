-- What was lost when work was handed over: what a helper had to find again, and what of its answer was left lying.
-- include: agents.handoffs
-- include: flow.tokens

-- Every delegation whose run is in the log, with the telling values of its brief, of the work below it and of what came back. Values are those of
-- `flow_tokens` that tell something: long numbers, identifiers, paths.
CREATE VIEW handoff_losses (
  -- Trace it happened in.
  trace_id,
  -- The span that handed over.
  span_id,
  -- The agent that handed over.
  from_agent,
  -- The agent that took over.
  to_agent,
  -- The run of the agent that took over.
  to_span_id,
  -- When it was handed over (UTC).
  start_time,
  -- Telling values that the helper was given: in the arguments of the handing over and in the messages of its first call.
  values_given,
  -- Telling values that the one who handed over had before, that were not given, and that the helper got by tools of its own.
  values_found_again,
  -- Calls of tools with the same arguments that the one who handed over had made before: `tool: arguments`.
  calls_repeated,
  -- Telling values that came back and had not been given.
  values_returned,
  -- Those of them that the one who handed over used afterwards, in what it said or asked of tools.
  values_kept,
  -- The spans of the helper in which it found again or repeated.
  span_ids,
  -- Place of the handing over in tree order.
  preorder
) AS
WITH
  runs AS (
    SELECT h.trace_id, h.span_id, h.from_agent, h.to_agent, h.to_span_id, h.start_time, h.preorder, run.preorder AS run_preorder, run.subtree_end,
      epoch_ns(h.start_time) AS moment, epoch_ns(coalesce(giver.end_time, run.end_time)) AS back
    FROM handoffs AS h
    JOIN spans AS run ON run.trace_id = h.trace_id AND run.span_id = h.to_span_id
    JOIN spans AS giver ON giver.preorder = h.preorder
    WHERE h.from_agent <> h.to_agent AND h.start_time IS NOT NULL
  ),
  held AS MATERIALIZED (
    SELECT t.*, token
    FROM (FROM flow_texts SEMI JOIN runs USING (trace_id)) AS t
    JOIN flow_tokens USING (text_id)
    WHERE _is_telling(token)
  ),
  -- What every helper had, in the order it came: first what it was given.
  inside AS MATERIALIZED (
    SELECT runs.preorder AS handoff, runs.run_preorder, held.token, held.side, held.type, held.preorder, held.moment, calls.first_call
    FROM runs
    JOIN held ON held.trace_id = runs.trace_id AND held.preorder > runs.run_preorder AND held.preorder < runs.subtree_end
    JOIN (
      SELECT runs.preorder AS handoff, min(t.preorder) AS first_call
      FROM runs
      JOIN flow_texts AS t ON t.trace_id = runs.trace_id AND t.preorder > runs.run_preorder AND t.preorder < runs.subtree_end
      WHERE t.side = 'heard' AND t.type IS DISTINCT FROM 'arguments'
      GROUP BY ALL
    ) AS calls ON calls.handoff = runs.preorder
  ),
  given AS (
    SELECT handoff, token FROM inside WHERE preorder = first_call AND side = 'heard'
    UNION
    SELECT runs.preorder, token FROM runs JOIN held ON held.preorder = runs.preorder AND held.type = 'arguments'
  ),
  known AS MATERIALIZED (SELECT trace_id, agent_name, token, min(moment) AS moment FROM held GROUP BY ALL),
  -- What the helper had first from a tool, and the one who handed over had had before.
  found AS (
    SELECT inside.handoff, inside.token, arg_min(inside.type, (inside.moment, inside.preorder)) AS type, arg_min(inside.preorder, (inside.moment, inside.preorder)) AS preorder
    FROM inside
    ANTI JOIN given USING (handoff, token)
    GROUP BY inside.handoff, inside.token
  ),
  again AS (
    SELECT runs.preorder AS handoff, list_sort(list(found.token)) AS tokens, list(found.preorder) AS places
    FROM runs
    JOIN found ON found.handoff = runs.preorder AND found.type = 'result'
    JOIN known ON known.trace_id = runs.trace_id AND known.agent_name = runs.from_agent AND known.token = found.token AND known.moment <= runs.moment
    GROUP BY runs.preorder
  ),
  asked AS (
    SELECT spans.trace_id, spans.agent_name, spans.tool_name, t.text_id, t.preorder, t.moment, spans.tool_call_arguments
    FROM flow_texts AS t
    JOIN spans USING (preorder)
    WHERE t.type = 'arguments' AND t.trace_id IN (SELECT trace_id FROM runs)
  ),
  repeated AS (
    SELECT runs.preorder AS handoff, list(DISTINCT theirs.tool_name || ': ' || theirs.tool_call_arguments) AS calls, list(theirs.preorder) AS places
    FROM runs
    JOIN asked AS theirs ON theirs.trace_id = runs.trace_id AND theirs.preorder > runs.run_preorder AND theirs.preorder < runs.subtree_end
    JOIN asked AS own
      ON own.trace_id = runs.trace_id AND own.agent_name = runs.from_agent AND own.tool_name = theirs.tool_name AND own.text_id = theirs.text_id
    WHERE own.moment < runs.moment
    GROUP BY runs.preorder
  ),
  returned AS MATERIALIZED (
    SELECT DISTINCT runs.preorder AS handoff, runs.trace_id, runs.from_agent, runs.back, held.token
    FROM runs
    JOIN held ON held.preorder = runs.preorder AND held.type = 'result'
    ANTI JOIN given ON given.handoff = runs.preorder AND given.token = held.token
  ),
  kept AS (
    SELECT DISTINCT returned.handoff, returned.token
    FROM returned
    JOIN held ON held.trace_id = returned.trace_id AND held.agent_name = returned.from_agent AND held.token = returned.token
    WHERE held.side = 'said' AND held.type <> 'result' AND held.moment >= returned.back
  ),
  given_lists AS (SELECT handoff, list_sort(list(token)) AS tokens FROM given GROUP BY handoff),
  returned_lists AS (SELECT handoff, list_sort(list(token)) AS tokens FROM returned GROUP BY handoff),
  kept_lists AS (SELECT handoff, list_sort(list(token)) AS tokens FROM kept GROUP BY handoff),
  places AS (
    SELECT handoff, list(DISTINCT span_id ORDER BY span_id) AS span_ids
    FROM (SELECT handoff, unnest(places) AS preorder FROM again UNION ALL SELECT handoff, unnest(places) FROM repeated)
    JOIN spans USING (preorder)
    GROUP BY handoff
  )
SELECT
  runs.trace_id, runs.span_id, from_agent, to_agent, to_span_id, start_time,
  coalesce(given_lists.tokens, []),
  coalesce(again.tokens, []), coalesce(list_sort(repeated.calls), []),
  coalesce(returned_lists.tokens, []), coalesce(kept_lists.tokens, []), coalesce(places.span_ids, []), runs.preorder
FROM runs
LEFT JOIN again ON again.handoff = runs.preorder
LEFT JOIN repeated ON repeated.handoff = runs.preorder
LEFT JOIN given_lists ON given_lists.handoff = runs.preorder
LEFT JOIN returned_lists ON returned_lists.handoff = runs.preorder
LEFT JOIN kept_lists ON kept_lists.handoff = runs.preorder
LEFT JOIN places ON places.handoff = runs.preorder;

-- An act that somebody should have approved first.
-- include: lens.sentences
-- include: detectors.undeclared_tool
-- include: detectors.evidence
-- include: messages.span_messages
-- include: recovery.flaws

-- Rank of a tier of approval: the number in it (T2, tier 3, L1), else by word (none, auto, notify 0; peer, agent 1; lead, manager 2; human, owner, founder 3).
CREATE MACRO _approval_rank(tier) AS
coalesce(
  TRY_CAST(nullif(regexp_extract(tier, '\d+', 0), '') AS INTEGER),
  CASE
    WHEN regexp_matches(tier, '\b(none|auto|automatic|self|notify|not required|false|no)\b', 'i') THEN 0
    WHEN regexp_matches(tier, '\b(peer|agent|review|reviewer)\b', 'i') THEN 1
    WHEN regexp_matches(tier, '\b(lead|manager|orchestrator|supervisor|team)\b', 'i') THEN 2
    WHEN regexp_matches(tier, '\b(human|owner|founder|user|person|operator|required|true|yes|manual|approve)\b', 'i') THEN 3
  END);

-- Whether a word says that an approval was given.
CREATE MACRO _is_approved(word) AS
coalesce(regexp_matches(word, '\b(approved?|granted|accepted?|allow(ed)?|yes|true|lgtm|ok(ay)?|go ahead|signed off)\b', 'i')
  AND NOT regexp_matches(word, '\b(not|n''t|no|denied|deny|reject(ed)?|declined?|refused?|pending|awaiting|waiting|timed? ?out|expired)\b|\b(approved?|granted|accepted?|allow(ed)?|confirmed|ok)"?\s*[:=]\s*"?(false|no|0)\b', 'i'), false);

-- Whether a tool is one by which approval is asked for.
CREATE MACRO _asks_approval(tool) AS regexp_matches(tool, 'approv|authori[sz]|sign_?off|ask_(human|user)|confirm|permission|freigabe|genehmig|autori[sz]|aprob|aprov', 'i');

-- Calls that a tool had answered with the need of an approval, made once more by the same agent with a switch that skips it (`skip_approval: true`, `force: true`) and
-- otherwise the same arguments, while no person said a word: what approval the tool asks for was passed over.
CREATE VIEW _demands_passed_over (
  -- Place of the call that passed over it in tree order.
  preorder
) AS
WITH demanded AS MATERIALIZED (
  SELECT trace_id, agent_name, tool_name, tool_call_arguments AS arguments, preorder
  FROM spans
  WHERE operation_name = 'execute_tool' AND contains(coalesce(tool_call_result, status_message), 'pprov')
    AND regexp_matches(left(coalesce(tool_call_result, status_message), 600), '(?i)\bapproval[ _-](is )?(required|needed|missing|pending)|\b(requires?|needs?|awaiting|pending)[ _-]((a|an|the|prior|human|manual|explicit)[ _-])*approval\b')
),
passed AS MATERIALIZED (
  SELECT demanded.preorder AS asked, later.preorder, later.trace_id, later.agent_name
  FROM demanded
  JOIN (SELECT trace_id, agent_name, tool_name, tool_call_arguments, preorder FROM spans WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR') AS later
    ON later.trace_id = demanded.trace_id AND later.agent_name IS NOT DISTINCT FROM demanded.agent_name AND later.tool_name = demanded.tool_name AND later.preorder > demanded.preorder
  WHERE later.preorder NOT IN (SELECT preorder FROM demanded)
    AND list_has_all(map_entries(TRY_CAST(TRY_CAST(later.tool_call_arguments AS JSON) AS MAP(VARCHAR, VARCHAR))), map_entries(TRY_CAST(TRY_CAST(arguments AS JSON) AS MAP(VARCHAR, VARCHAR))))
    AND len(list_filter(map_entries(TRY_CAST(TRY_CAST(later.tool_call_arguments AS JSON) AS MAP(VARCHAR, VARCHAR))), lambda item: NOT contains(arguments, '"' || item.key || '"')
      AND regexp_matches(item.key, '(?i)(^|_)(skip|bypass|overrid\w*|force\w*|ignore|without|no)(_|$)|^(skip|bypass|override|force|ignore|without|no)[A-Z]') AND lower(item.value) IN ('true', 'yes', '1'))) > 0
),
-- The last model call before each of both, and how many messages of persons it was shown.
heard AS (
  SELECT places.preorder, places.is_first, count(message_hash) AS words
  FROM (
    SELECT places.preorder, places.is_first, call.span_id, call.trace_id
    FROM (SELECT preorder, trace_id, agent_name, true AS is_first, asked AS place FROM passed UNION ALL SELECT preorder, trace_id, agent_name, false, preorder FROM passed) AS places
    ASOF LEFT JOIN (SELECT trace_id, coalesce(agent_name, '') AS agent_name, span_id, preorder FROM spans WHERE operation_name IN ('chat', 'generate_content', 'text_completion') AND trace_id IN (SELECT trace_id FROM passed)) AS call
      ON call.trace_id = places.trace_id AND call.agent_name = coalesce(places.agent_name, '') AND call.preorder < places.place
  ) AS places
  LEFT JOIN (SELECT trace_id, span_id, message_hash FROM span_messages JOIN messages USING (message_hash) WHERE direction = 'input' AND role = 'user' AND NOT contains(parts::VARCHAR, '"tool_call_response"')) AS said
    ON said.trace_id = places.trace_id AND said.span_id = places.span_id
  GROUP BY ALL
)
SELECT preorder FROM heard GROUP BY preorder HAVING max(words) FILTER (NOT is_first) <= max(words) FILTER (is_first);

-- What each tool call needed and was given by way of approval: attributes (`approval.required`, `approval.tier`, `approval.status`,
-- `approval.granted_tier`, `approval.given`, `approval.by`, and the same with `_`), and what the agent's declaration says of the tool.
CREATE VIEW _approvals (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The tool.
  tool_name,
  -- The tier that was needed, 0 for none.
  needed,
  -- What says so.
  needed_by,
  -- The tier that was given, as the call itself says; NULL where it says nothing.
  given,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Place in tree order.
  preorder
) AS
WITH rules AS (
  SELECT agent_name, _plain_tool(item.key) AS tool, _approval_rank(item.value) AS rank
  FROM (
    SELECT agent_name, unnest(map_entries(coalesce(
      TRY_CAST(coalesce(attributes->'$.approvals', attributes->'$.approval', attributes->'$.approval_tiers', attributes->'$.permissions.approvals') AS MAP(VARCHAR, VARCHAR)),
      map_from_entries(list_transform(
        coalesce(from_json(coalesce(attributes->'$.requires_approval', attributes->'$.approval_required', attributes->'$.permissions.requires_approval'), '["VARCHAR"]'), []),
        lambda tool: {'k': tool, 'v': 'required'}))))) AS item
    FROM agents
    WHERE attributes IS NOT NULL AND contains(attributes::VARCHAR, 'approv')
  )
),
switched AS MATERIALIZED (FROM _demands_passed_over),
passed_over AS MATERIALIZED (SELECT named_preorder FROM _refusals_passed_over WHERE named_preorder IS NOT NULL),
calls AS (
  SELECT
    spans.*,
    coalesce(attributes->>'$."approval.required_tier"', attributes->>'$."approval.tier"', attributes->>'$.approval_tier', attributes->>'$.required_tier',
      attributes->>'$."approval.required"', attributes->>'$.approval_required', attributes->>'$.requires_approval') AS said_needed,
    coalesce(attributes->>'$."approval.granted_tier"', attributes->>'$.granted_tier', attributes->>'$.approved_tier', attributes->>'$."approval.given"', attributes->>'$.approval_given') AS said_tier,
    coalesce(attributes->>'$."approval.status"', attributes->>'$.approval_status', attributes->>'$."approval.granted"', attributes->>'$.approved',
      attributes->>'$."approval.approved"', CASE WHEN coalesce(attributes->>'$."approval.by"', attributes->>'$.approved_by') <> '' THEN 'approved' END) AS said_status
  FROM spans
  WHERE operation_name = 'execute_tool' AND (contains(attributes::VARCHAR, 'approv') OR contains(attributes::VARCHAR, 'required_tier') OR agent_name IN (SELECT agent_name FROM rules)
    OR preorder IN (FROM passed_over) OR preorder IN (FROM switched))
)
SELECT
  trace_id, span_id, calls.agent_name, tool_name, coalesce(_approval_rank(said_needed), rank, CASE WHEN was_denied OR was_demanded THEN 3 END, 0),
  CASE WHEN said_needed IS NOT NULL THEN 'the call says that it needs approval: ' || said_needed WHEN rank IS NULL AND was_denied THEN 'approval was asked for and denied'
    WHEN rank IS NULL AND was_demanded THEN 'the tool had answered that it needs approval'
    ELSE 'the agent''s declaration' END,
  CASE WHEN said_tier IS NOT NULL THEN _approval_rank(said_tier) WHEN _is_approved(said_status) THEN 99 WHEN said_status IS NOT NULL THEN 0 END,
  start_time, end_time, preorder
FROM (SELECT *, preorder IN (FROM passed_over) AS was_denied, preorder IN (FROM switched) AS was_demanded FROM calls) AS calls
LEFT JOIN rules ON rules.agent_name = calls.agent_name AND rules.tool = _plain_tool(tool_name);

-- Why skipped approvals cannot be looked for; no reason when all is there.
CREATE VIEW _needs_approval_skipped (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (needed > 0) > 0,
  CASE WHEN count(*) FILTER (needed > 0) = 0 THEN 'no tool call and no declaration of an agent says that an approval is needed' END
FROM _approvals;

-- What was made of every call that needs approval, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the
-- `findings`, a list.
CREATE MACRO _verdict_approval_skipped() AS TABLE
WITH judged AS MATERIALIZED (FROM _approvals),
needing AS (FROM judged WHERE needed > 0),
granted AS MATERIALIZED (
  SELECT trace_id, coalesce(end_time, start_time) AS time, lower(concat_ws(' ', tool_call_arguments, tool_call_result)) AS words
  FROM spans
  WHERE operation_name IN ('execute_tool', 'invoke_agent') AND _asks_approval(coalesce(tool_name, name))
    AND status_code <> 'ERROR' AND _is_approved(tool_call_result)
  UNION ALL
  SELECT trace_id, time, lower(payload)
  FROM agent_messages
  WHERE _is_approved(payload)
),
any_approval AS (
  SELECT (SELECT count(*) FROM granted) + (SELECT count(*) FROM judged WHERE given > 0) + (
    SELECT count(*) FROM spans WHERE operation_name = 'execute_tool' AND regexp_matches(tool_name, 'approv|sign_?off|ask_(human|user)', 'i')) AS approvals
),
skipped AS (
  SELECT needing.*, status_code
  FROM needing
  JOIN spans USING (preorder)
  WHERE status_code <> 'ERROR' AND NOT coalesce(regexp_matches(left(tool_call_result, 200), 'denied|rejected|not approved|cancelled|awaiting approval|pending approval', 'i'), false)
    AND (needing.given < needed OR (needing.given IS NULL
      AND (needed_by <> 'the agent''s declaration' OR (SELECT approvals FROM any_approval) > 0)
      AND NOT EXISTS (
        FROM granted
        -- Of what has no time, the approval may have come before.
        WHERE (granted.trace_id = needing.trace_id OR granted.trace_id IS NULL) AND coalesce(granted.time <= needing.start_time, true)
          AND (contains(granted.words, lower(needing.tool_name)) OR contains(granted.words, replace(lower(needing.tool_name), '_', ' '))))))
),
accusations AS (
  SELECT
    CASE WHEN bool_and(needed_by IN ('approval was asked for and denied', 'the tool had answered that it needs approval')) THEN 'event' WHEN bool_or(given IS NOT NULL) OR (SELECT approvals FROM any_approval) > 0 THEN 'proven' ELSE 'candidate' END AS tier,
    'critical' AS severity, skipped.trace_id, skipped.agent_name, list(skipped.span_id ORDER BY skipped.preorder)[:50] AS span_ids,
    min(skipped.start_time) AS start_time, max(coalesce(skipped.end_time, skipped.start_time)) AS end_time,
    format('{} called {} {} {}.', coalesce(skipped.agent_name, 'An agent'), skipped.tool_name, _times(count(*)),
      CASE WHEN bool_or(given > 0) THEN format('with approval of tier {}, which needs tier {}', max(given), max(needed))
        WHEN bool_or(needed_by = 'approval was asked for and denied') THEN 'after approval for it was asked for and denied' ELSE 'without the approval that it needs' END) AS summary,
    list(_evidence(source_id, source_line, source_offset, source_length, spans.span_id, needed_by || '; called with ' || coalesce(tool_call_arguments, 'no arguments'))
      ORDER BY skipped.preorder)[:20] AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM skipped
  JOIN spans ON spans.preorder = skipped.preorder
  GROUP BY skipped.trace_id, skipped.agent_name, skipped.tool_name
),
counted AS (
  SELECT count(*) AS needing, count(*) FILTER (needed_by = 'the agent''s declaration' AND given IS NULL AND (SELECT approvals FROM any_approval) = 0) AS silent
  FROM needing
)
SELECT
  silent < needing AS can_look,
  CASE WHEN silent = needing THEN 'declarations of agents ask for approvals, but the logs hold none at all: whether any was given is not known'
    ELSE _unjudged('calls that need approval', needing, silent, 'only a declaration that says so, in a log without approvals,') END AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- A tool call that needs approval goes through without one, or with one of a lower tier.
--
-- Means: a gate was passed that the team had agreed on. Matters: what cannot be undone was decided by the wrong one. Needed is what the
-- call's own attributes or the agent's declaration (`requires_approval: [tool]`, `approvals: {tool: tier}`) say; that approval for this very tool was asked for
-- earlier in the trace, and denied; or that the tool itself answered so to the same call before it was made with a switch that skips it (`skip_approval`), with no word of a person between. Given is what the call's
-- attributes say, else an approval in the same trace before it: a call of a tool named for approval that was answered with yes and speaks of the tool, or a
-- message or report that does. One finding an agent and tool. Tier proven where the call itself says so or the log
-- holds other approvals, event where it was asked for and denied, or the tool answered that it is needed, else candidate; severity critical.
-- Example: `deploy` needs tier T3 and was let through with T1.
-- Leaves alone: calls that failed or were denied; tier 0 (automatic, notify); approvals for the tool given earlier in the trace.
-- Misses: approvals by words that do not name the tool; a log that holds no approvals at all says nothing about declared needs (`checks` says so).
-- Do: ask the owner of the tier now, and close the way around the gate.
-- scope: trace
-- version: 4
CREATE MACRO detect_approval_skipped() AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_approval_skipped();

-- Work given to somebody it may not be given to.
-- include: lens.sentences
-- include: agents.handoffs
-- include: detectors.evidence

-- An agent's name without case, separators and words like `agent`.
CREATE MACRO _plain_agent(agent) AS
regexp_replace(regexp_replace(lower(trim(agent)), '[^\p{L}\p{N}]+', '_', 'g'), '^(the_)|(_agent|_bot)$', '', 'g');

-- Whether a text tells its reader to do something: it begins with a word for doing, or is a task in JSON.
CREATE MACRO _is_order(text) AS
regexp_matches(trim(text), '^"?(task|request|todo|action)\b|^"?(take|process|handle|approve|sign|collect|confirm|inspect|decide|send|do|write|check|fix|run|prepare|update|deliver|review|start|make|create|find|read|test|deploy|draft|collect|publish|verify|summari[sz]e|count|get|give|bring|fetch|look|list|compare|measure|calculate|compute|translate|order|book|call|ask|tell)\b|"(type|kind)"\s*:\s*"(request|task|dispatch|assign\w*)"', 'i')
OR (regexp_matches(text, '^\{.*"(task|request|question|todo|job|instructions?)"\s*:', 'i') AND NOT regexp_matches(text, '"(status|state|result|output|answer|done)"\s*:', 'i'));

-- Work that one agent gave another by a message: an order that is no question, and that the other took up with a word back.
CREATE VIEW _ordered (
  -- The agent that ordered.
  from_agent,
  -- The agent that took it up.
  to_agent,
  -- What it was told.
  task,
  -- Trace, where known.
  trace_id,
  -- When (UTC).
  start_time,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset.
  source_offset,
  -- Length in bytes.
  source_length
) AS
SELECT sender, recipient, payload, trace_id, time, source_id, source_line, source_offset, source_length
FROM agent_messages AS asked
WHERE kind <> 'pax' AND sender <> recipient AND NOT contains(payload, '?')
  AND (_is_order(regexp_replace(payload, '^(?i)\W*(please|kindly|\w+[,:])\s+', '')) OR regexp_matches(payload, '^\W*([Pp]lease|[Kk]indly) [a-z]+'))
  -- What asks for words only, or tells something, gives no work.
  AND NOT regexp_matches(payload, '(?i)\b(tell|give|send|show|bring|let|remind) (me|us)\b|^\W*((please|kindly|\w+[,:])\s+)?(confirm|tell|inform|note|find|see|be|let|do not|don.t|know|wait|accept|excuse|advise|remember|keep|ignore|disregard|stop|ask|call)\b')
  AND EXISTS (FROM agent_messages AS back WHERE back.sender = asked.recipient AND back.recipient = asked.sender AND back.time > asked.time);

-- Why off-matrix delegations cannot be looked for; no reason when all is there.
CREATE VIEW _needs_off_matrix_delegation (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  rules > 0,
  CASE WHEN rules = 0 THEN 'no table or manifest says who may hand work to whom' END
FROM (SELECT count(*) AS rules FROM delegations);

-- What was made of every handing over, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the `findings`, a
-- list.
CREATE MACRO _verdict_off_matrix_delegation() AS TABLE
WITH rules AS MATERIALIZED (
  SELECT DISTINCT _plain_agent(delegator) AS giver, _plain_agent(delegate) AS taker FROM delegations
),
matrix AS (
  SELECT giver, list(taker) AS takers, bool_or(taker IN ('all', 'any', 'anyone', 'everyone', 'any_agent', '')) AS is_open
  FROM rules
  GROUP BY giver
),
place AS (SELECT arg_min({'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length}, (source_id, source_offset)) AS place,
  _plain_agent(delegator) AS giver FROM delegations GROUP BY giver),
anywhere AS (SELECT arg_min({'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length}, (source_id, source_offset)) AS place
  FROM delegations),
told AS (
  SELECT from_agent, to_agent, handoffs.trace_id, handoffs.span_id, task, handoffs.start_time, handoffs.end_time, preorder, to_span_id IS NOT NULL AND NOT regexp_matches(tool_name, '^(transfer|hand_?(off|over|back))') AS is_call, source_id, source_line, source_offset, source_length
  FROM handoffs
  JOIN spans USING (preorder)
  WHERE from_agent IS NOT NULL AND to_agent IS NOT NULL
  UNION ALL
  SELECT from_agent, to_agent, trace_id, NULL, task, start_time, NULL, NULL, false, source_id, source_line, source_offset, source_length FROM _ordered
),
given AS (
  SELECT *, _plain_agent(from_agent) AS giver, _plain_agent(to_agent) AS taker
  FROM told
),
off AS (
  SELECT given.*, matrix.takers
  FROM given
  LEFT JOIN matrix USING (giver)
  WHERE giver <> taker AND NOT coalesce(is_open OR list_contains(takers, taker), false)
    AND (matrix.giver IS NOT NULL OR giver IN (SELECT taker FROM rules))
    AND (preorder IS NOT NULL OR (matrix.giver IS NOT NULL AND taker IN (SELECT _plain_agent(agent_name) FROM agents WHERE known_from IN ('manifest', 'identity file') UNION SELECT taker FROM rules UNION SELECT giver FROM rules)))
    -- Work may go back to whom it came from. Who calls upon its superior, and waits for the answer, hands back only what that one had handed to it.
    AND NOT ((taker, giver) IN (SELECT (rules.giver, rules.taker) FROM rules)
      AND (NOT coalesce(is_call, false) OR EXISTS (FROM given AS before WHERE before.trace_id = given.trace_id AND before.giver = given.taker AND before.taker = given.giver)))
),
accusations AS (
  SELECT
    CASE WHEN count(preorder) = 0 THEN 'candidate' WHEN any_value(takers) IS NOT NULL THEN 'proven' ELSE 'event' END AS tier, 'warning' AS severity,
    coalesce(arg_min(off.trace_id, off.preorder), any_value(off.trace_id)) AS trace_id,
    from_agent AS agent_name, coalesce(list(off.span_id ORDER BY off.preorder) FILTER (off.span_id IS NOT NULL), [])[:50] AS span_ids, min(off.start_time) AS start_time, max(coalesce(off.end_time, off.start_time)) AS end_time,
    format('{} handed work to {} {}; the matrix lets it hand over to {}.', from_agent, to_agent, _times(count(*)),
      coalesce(_short(array_to_string(list_sort(any_value(takers)), ', '), 120), 'nobody')) AS summary,
    list_prepend(
      (SELECT _evidence(coalesce(own.place, anywhere.place).source_id, coalesce(own.place, anywhere.place).source_line, coalesce(own.place, anywhere.place).source_offset,
        coalesce(own.place, anywhere.place).source_length, NULL, 'the matrix of delegations')
       FROM anywhere LEFT JOIN place AS own ON own.giver = off.giver),
      list(_evidence(source_id, source_line, source_offset, source_length, span_id, from_agent || ' → ' || to_agent || coalesce(': ' || task, ''))
        ORDER BY off.preorder NULLS LAST, off.start_time, source_line)[:20]) AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM off
  GROUP BY from_agent, to_agent, off.giver
),
counted AS (
  SELECT sum(handings)::BIGINT AS handings, sum(named)::BIGINT AS named
  FROM (
    SELECT count(*) AS handings, count(*) FILTER (from_agent IS NOT NULL AND to_agent IS NOT NULL) AS named FROM handoffs
    UNION ALL
    SELECT count(*), count(*) FROM _ordered
  )
)
SELECT
  named > 0 AS can_look,
  CASE
    WHEN handings = 0 THEN 'the logs hold no handings over'
    WHEN named = 0 THEN 'no handing over has both agents recorded'
    ELSE _unjudged('handings over', handings, handings - named, 'an agent that is not recorded')
  END AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- An agent hands work to an agent that the delegation matrix does not give it.
--
-- Means: the chain of command was left, or the matrix is out of date. Matters: limits, reviews and budgets hang on who may ask whom.
-- The matrix are the rows of `delegations`. One finding a pair of agents. Tier proven where the matrix has rows of the one who handed over,
-- event where it only names it as a receiver; candidate where there is only a message that orders it, of one of whom the matrix has rows, and a word back. Severity warning.
-- Example: the matrix lets lead hand over to writer; lead hands a task to payments.
-- Leaves alone: agents that the matrix does not name at all; handing back to whom the work came from, or may have come from where it is no call that waits for an answer; rows with `all`, `any` or `*`; names that
-- differ in case, separators or the word agent.
-- Misses: conditions of the matrix (`when`); work passed on without a tool, a run or an English order.
-- Do: either stop it, or add the row to the matrix.
-- scope: fleet
-- version: 3
CREATE MACRO detect_off_matrix_delegation() AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_off_matrix_delegation();

-- Credentials and account numbers in what agents read, say and do.
-- include: detectors.evidence
-- include: messages.span_messages

-- Why secrets cannot be looked for; no reason when all is there.
CREATE VIEW _needs_secret_exposure (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT texts > 0, CASE WHEN texts = 0 THEN 'the logs hold no messages, tool arguments, tool results or documents' END
FROM (
  SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM agent_messages) + (SELECT count(*) FROM sections)
    + (SELECT count(*) FROM spans WHERE coalesce(tool_call_arguments, tool_call_result) IS NOT NULL) AS texts
);

-- Every step and message that holds a secret, with the agent that had it there.
CREATE VIEW _secret_sightings (
  -- Number of the secret.
  secret_id,
  -- What kind it is.
  kind,
  -- Whether it is personal data.
  is_personal,
  -- `system`, `input`, `output`, `arguments`, `result`, `agent message` or `document`.
  place,
  -- Trace of the step.
  trace_id,
  -- The step; NULL for documents and messages outside all steps.
  span_id,
  -- The agent.
  agent_name,
  -- The tool.
  tool_name,
  -- When (UTC).
  time,
  -- Number of its characters.
  characters,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
SELECT
  secret_id, kind, is_personal, direction, spans.trace_id, spans.span_id, agent_name, NULL, start_time, characters,
  sent.source_id, sent.source_line, sent.source_offset, sent.source_length
FROM secrets
JOIN span_messages AS sent USING (message_hash)
JOIN spans ON spans.trace_id = sent.trace_id AND spans.span_id = sent.span_id
UNION ALL
SELECT
  secret_id, kind, is_personal, place, secrets.trace_id, secrets.span_id, unnest(CASE WHEN len(agents) = 0 THEN [NULL] ELSE agents END), tool_name,
  secrets.time, characters, secrets.source_id, secrets.source_line, secrets.source_offset, secrets.source_length
FROM secrets
LEFT JOIN spans ON spans.trace_id = secrets.trace_id AND spans.span_id = secrets.span_id
WHERE message_hash IS NULL;

-- A credential, or an account number with a right checksum, stands in what an agent read, said or did.
--
-- Means: the value was sent to a model and is in the logs. Matters: whoever reads either has it; it should be revoked and replaced. One finding
-- a secret, wherever it stands; the value is never shown, `secrets` says where it is. Tier event. Severity: critical for a credential that more
-- than one agent had, or that an agent itself wrote (into the arguments of a tool, an answer or a message); warning for a credential that one
-- agent was only given; info for account numbers, and those only when they went from one agent to another.
-- Example: a tool reads `.env`, and two steps later the key stands in the brief to another agent.
-- Leaves alone: placeholders and examples (a key that its issuer calls a test key is told like others), hashes, identifiers, values that only their name calls a secret.
-- Misses: passwords in plain words, formats that no issuer documents, secrets in pictures; names, addresses and telephone numbers.
-- Do: revoke the credential; keep it out of prompts by giving tools a reference instead of the value.
-- scope: fleet
-- version: 1
CREATE MACRO detect_secret_exposure() AS TABLE
WITH seen AS MATERIALIZED (FROM _secret_sightings),
told AS (
  SELECT
    secret_id, any_value(kind) AS kind, bool_and(is_personal) AS is_personal, arg_min(trace_id, (time, source_id, source_offset)) AS trace_id,
    arg_min(agent_name, (time, source_id, source_offset)) AS agent_name, count(DISTINCT span_id) AS steps,
    list_sort(list(DISTINCT agent_name) FILTER (agent_name IS NOT NULL)) AS agents,
    bool_or(place IN ('arguments', 'output', 'agent message')) AS is_written,
    arg_min(place || coalesce(' of ' || tool_name, ''), (time, source_id, source_offset)) AS first_place,
    min(time) AS start_time, max(time) AS end_time
  FROM seen
  GROUP BY secret_id
),
-- Each step once, the first thirty.
proof AS (
  SELECT
    secret_id, list(span_id ORDER BY time, source_offset) FILTER (span_id IS NOT NULL) AS span_ids,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      format('{} holds the {} ({} characters, not shown)', place || coalesce(' of ' || tool_name, ''), kind, characters)) ORDER BY time, source_offset) AS evidence
  FROM (
    FROM seen
    QUALIFY row_number() OVER (PARTITION BY secret_id, coalesce(span_id, source_id || ':' || source_offset) ORDER BY place) = 1
  )
  GROUP BY secret_id
)
SELECT
  'event' AS tier,
  CASE WHEN is_personal THEN 'info' WHEN len(agents) > 1 OR is_written THEN 'critical' ELSE 'warning' END AS severity,
  trace_id, agent_name, coalesce(span_ids[:30], []) AS span_ids, start_time, end_time,
  format('{} {} stands in {} step{} of {}, first in the {}.',
    CASE WHEN regexp_matches(kind, '^[AEIOU]') THEN 'An' ELSE 'A' END, kind, steps, CASE WHEN steps = 1 THEN '' ELSE 's' END,
    coalesce(nullif(array_to_string(agents, ', '), ''), 'no known agent'), first_place) AS summary,
  evidence[:30] AS evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
JOIN proof USING (secret_id)
WHERE NOT is_personal OR len(agents) > 1;

-- An agent that works from facts that had been replaced.
-- include: lens.sentences
-- include: detectors.evidence

-- Every span that names a packet of facts and its version, in its attributes (`packet.id`, `packet.version`) or, for a tool call, its arguments
-- (`packet` or `packet_id`, with `packet_version` or `version`, or with the version at the end of the name, as in `price-list v3`).
CREATE VIEW _packet_uses (
  -- Trace of the span.
  trace_id,
  -- The span.
  span_id,
  -- The agent.
  agent_name,
  -- Name as logged.
  name,
  -- `gen_ai.operation.name`.
  operation_name,
  -- The tool, for a tool call.
  tool_name,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- The packet.
  packet,
  -- Its version; NULL where it is no number.
  version,
  -- Place in tree order.
  preorder,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
WITH told AS (
  SELECT *, operation_name = 'execute_tool' AND contains(tool_call_arguments, '"packet') AND json_valid(tool_call_arguments) AS has_arguments
  FROM spans
  WHERE contains(attributes::VARCHAR, '"packet.version"') OR contains(tool_call_arguments, '"packet')
),
named AS (
  SELECT
    *, coalesce(attributes->>'$."packet.id"', CASE WHEN has_arguments THEN coalesce(
      tool_call_arguments->>'$.packet_id', tool_call_arguments->>'$.packet', tool_call_arguments->>'$.packet.id') END) AS packet,
    coalesce(attributes->>'$."packet.version"', CASE WHEN has_arguments THEN coalesce(
      tool_call_arguments->>'$.packet_version', tool_call_arguments->>'$.version', tool_call_arguments->>'$.packet.version') END) AS version
  FROM told
),
parted AS (
  SELECT *, CASE WHEN version IS NULL THEN regexp_extract(packet, '^(.*\pL.*?)[\s@:#_-]+[vV]\.?(\d+)$', ['packet', 'version']) END AS parts
  FROM named
)
SELECT
  trace_id, span_id, agent_name, name, operation_name, tool_name, start_time, end_time, coalesce(nullif(parts.packet, ''), packet),
  TRY_CAST(regexp_replace(coalesce(version, parts.version), '^[vV]\.?', '') AS BIGINT), preorder, source_id, source_line, source_offset, source_length
FROM parted
WHERE packet IS NOT NULL AND coalesce(version, nullif(parts.version, '')) IS NOT NULL;

-- Why stale packets cannot be looked for; no reason when all is there.
CREATE VIEW _needs_stale_packet (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  usable > 0,
  CASE
    WHEN uses = 0 THEN 'no span names the version of the facts it works from (`packet.id`, `packet.version`)'
    WHEN usable = 0 THEN 'no use of a packet has an agent, a time and a version that is a number'
    ELSE _unjudged('uses of packets', uses, uses - usable, 'no agent, no time or a version that is no number')
  END
FROM (SELECT count(*) AS uses, count(version) FILTER (agent_name IS NOT NULL AND start_time IS NOT NULL) AS usable FROM _packet_uses);

-- An agent uses a version of a packet after a later version had been published and before it was told otherwise.
--
-- Means: it works from facts that no longer hold. Matters: its result is wrong by rule, and nothing fails. A version counts as published from
-- the end of the first span that names it, runs of agents left out; a run that is given an old version uses it. One finding an agent, trace and packet. Tier proven, severity critical.
-- Example: facts v4 are published at 12:05, and Hermes sends the mail from v3 at 12:20.
-- Leaves alone: uses of a version before the later one was published; looking at an old version while nothing else uses it, if the agent
-- turns to the current one before it acts (its last use in the trace is current); whoever was given the old version by another of the same trace, who brought it
-- in after the later one was out; an old version that was published anew by the same tool, as when the later one is taken back (a packet of the same name in another run begins anew).
-- Misses: facts without version numbers, versions kept in an agent's own notes.
-- Do: repeat the work from the current version, and recall what went out.
-- scope: fleet
-- version: 5
CREATE MACRO detect_stale_packet() AS TABLE
WITH published AS (
  SELECT
    packet, version, min(coalesce(end_time, start_time)) AS published_at,
    arg_min({'span_id': span_id, 'agent_name': agent_name, 'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset,
      'source_length': source_length, 'tool_name': tool_name}, coalesce(end_time, start_time)) AS place
  FROM _packet_uses
  WHERE version IS NOT NULL AND start_time IS NOT NULL AND operation_name IS DISTINCT FROM 'invoke_agent'
  GROUP BY packet, version
),
uses AS (
  SELECT
    _packet_uses.*,
    max(version) OVER (PARTITION BY trace_id, agent_name, packet ORDER BY start_time, preorder ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS version_later,
    first_value(agent_name) OVER in_trace AS first_agent, first_value(start_time) OVER in_trace AS first_time
  FROM _packet_uses
  WHERE version IS NOT NULL AND start_time IS NOT NULL AND agent_name IS NOT NULL
  WINDOW in_trace AS (PARTITION BY trace_id, packet, version ORDER BY start_time, preorder)
),
stale AS (
  SELECT uses.trace_id, uses.agent_name, uses.packet, uses.version, uses.span_id, uses.name, uses.start_time, uses.end_time, uses.preorder,
    uses.source_id, uses.source_line, uses.source_offset, uses.source_length,
    arg_max({'version': published.version, 'published_at': published_at, 'place': place}, published.version) AS current
  FROM uses
  JOIN published ON published.packet = uses.packet AND published.version > uses.version AND published_at <= uses.start_time
  WHERE coalesce(version_later, uses.version) <= uses.version
    -- Whom another agent of the same trace gave a version only after the later one was out works from what it was given; that one answers for it.
    AND NOT (first_agent <> uses.agent_name AND first_time > published_at)
    -- What published the later version has published this one anew since: it was taken back.
    AND NOT EXISTS (FROM _packet_uses AS anew WHERE anew.packet = uses.packet AND anew.version = uses.version AND anew.tool_name = published.place.tool_name
      AND anew.start_time > published_at AND anew.start_time <= uses.start_time)
  GROUP BY ALL
),
told AS (
  SELECT
    trace_id, agent_name, packet, min(version) AS version, any_value(current) AS current, count(*) AS uses,
    list(span_id ORDER BY start_time, preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id, name || ' uses ' || packet || ' v' || version)
      ORDER BY start_time, preorder) AS evidence
  FROM stale
  GROUP BY trace_id, agent_name, packet
)
SELECT
  'proven' AS tier, 'critical' AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} worked from {} v{} in {}; v{} had replaced it at {}.', agent_name, packet, version, _plural(uses, 'step'), current.version,
    strftime(current.published_at::TIMESTAMP, '%Y-%m-%d %H:%M:%S')) AS summary,
  list_concat(
    [_evidence(current.place.source_id, current.place.source_line, current.place.source_offset, current.place.source_length, current.place.span_id,
      packet || ' v' || current.version || ' published' || coalesce(' by ' || current.place.agent_name, ''))], evidence) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told;

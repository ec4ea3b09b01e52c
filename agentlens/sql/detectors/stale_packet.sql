-- An agent that works from facts that had been replaced.
-- include: lens.sentences
-- include: agents.handoffs
-- include: agents.statuses
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

-- What a text says of versions, one piece a version: `brief-12 v2`, `prices version 3`, `lock/list.md is now version 4`. A name of more than letters may have a verb behind it, or what kind of thing it is (`menu.md, file version 2`).
CREATE MACRO _versions_in(text) AS
list_transform(
  regexp_extract_all(left(text, 4000), '(?:[\pL\d][\pL\d_./#-]*[./_#\d-][\pL\d_./#-]*[\pL\d](?:,? (?:is|now|at|to|in|packet|file|document|ist|jetzt|nun|auf|paket|datei|dokument|est|maintenant|en|à|fichier|es|está|ahora|paquete|documento|è|ora|a|é|agora)){0,2}|\pL{3,})[ ,:@#_(-]{1,2}(?:[vV](?:ersi[oó]n|ersion[ei]|ersão|ersie)?|[rR]ev(?:ision)?)[.: ]{0,2}\d[\d.]*\b'),
  lambda piece: regexp_extract(lower(piece), '^(.*?[\pL\d])(?:,? (?:is|now|at|to|in|packet|file|document|ist|jetzt|nun|auf|paket|datei|dokument|est|maintenant|en|à|fichier|es|está|ahora|paquete|documento|è|ora|a|é|agora)){0,2}[ ,:@#_(-]{1,2}(?:v(?:ersi[oó]n|ersion[ei]|ersão|ersie)?|rev(?:ision)?)[.: ]{0,2}(\d[\d.]*)$', ['packet', 'version']));

-- Every version of something that one agent named to another: in a message, in the task of a handing over, and in what that brought back;
-- a report hands over where its status says so, else it brings back.
CREATE VIEW _versions_told (
  -- `message`, `task` or `answer`.
  kind,
  -- The agent that named it.
  teller,
  -- The agent that was told; NULL for all.
  hearer,
  -- When (UTC).
  time,
  -- The words.
  words,
  -- What there are versions of, in small letters.
  packet,
  -- The highest version of it in these words.
  version,
  -- Whether the words begin with it, and name no other version.
  is_heading,
  -- Trace, where known.
  trace_id,
  -- Span, where known.
  span_id,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset.
  source_offset,
  -- Length in bytes.
  source_length
) AS
WITH texts AS (
  SELECT
    'message' AS kind, sender AS teller, CASE WHEN NOT regexp_matches(recipient, '(?i)^(all|any|everyone|everybody|team|crew|group|broadcast|\*|[#@].*)$') THEN recipient END AS hearer,
    time, payload AS words, trace_id, span_id, source_id, source_line, source_offset, source_length
  FROM agent_messages
  WHERE kind <> 'pax' AND sender IS NOT NULL AND time IS NOT NULL
  UNION ALL
  SELECT
    CASE WHEN is_dispatch(status) THEN 'task' ELSE 'answer' END, agent_name, recipient, time, concat_ws('; ', array_to_string(deliverables, '; '), detail, next_action), NULL, NULL,
    source_id, source_line, source_offset, source_length
  FROM status_reports
  WHERE agent_name IS NOT NULL AND recipient IS NOT NULL AND time IS NOT NULL
  UNION ALL
  SELECT told.kind, told.teller, told.hearer, told.time, told.words, giver.trace_id, giver.span_id, source_id, source_line, source_offset, source_length
  FROM (
    SELECT 'task' AS kind, from_agent AS teller, to_agent AS hearer, start_time AS time, task AS words, preorder FROM handoffs WHERE from_agent IS NOT NULL AND to_agent IS NOT NULL AND task IS NOT NULL
    UNION ALL
    SELECT 'answer', to_agent, from_agent, spans.end_time, tool_call_result, preorder
    FROM handoffs
    JOIN spans USING (preorder)
    WHERE NOT is_error AND from_agent IS NOT NULL AND to_agent IS NOT NULL AND spans.end_time IS NOT NULL
  ) AS told
  JOIN spans AS giver USING (preorder)
),
named AS (
  SELECT
    *, unnest(_versions_in(words)) AS piece, regexp_replace(lower(left(words, 200)), '^\W*', '') AS beginning,
    len(regexp_extract_all(words, '\b([vV](?:ersi\w+)?|[rR]ev\w*)[.: ]{0,2}\d')) = 1 AS is_only
  FROM texts
  WHERE regexp_matches(left(words, 4000), '[vV](ersi|er\.)?\w{0,2}[.: ]{0,2}\d|[rR]ev')
)
SELECT
  kind, teller, hearer, time, words, piece.packet, max(TRY_CAST(piece.version AS INTEGER)),
  bool_and(is_only AND starts_with(beginning, piece.packet)),
  trace_id, span_id, source_id, source_line, source_offset, source_length
FROM named
GROUP BY kind, teller, hearer, time, words, piece.packet, trace_id, span_id, source_id, source_line, source_offset, source_length
HAVING bool_and(TRY_CAST(piece.version AS INTEGER) IS NOT NULL);

-- Who was told of a later version, and tells another to work from the one before: what replaces it is said to do so, or stands at the head of words whose
-- writer, or to whom, the one before was named so. One row a telling.
CREATE VIEW _passed_on_stale (
  -- The agent that passed it on.
  teller,
  -- To whom.
  hearer,
  -- When (UTC).
  time,
  -- The words.
  words,
  -- What there are versions of.
  packet,
  -- The version passed on.
  version,
  -- Trace, where known.
  trace_id,
  -- Span, where known.
  span_id,
  -- Where it stands.
  place,
  -- The later version: its number, when it was told, by whom, and where.
  current
) AS
WITH told AS MATERIALIZED (FROM _versions_told),
published AS (
  FROM told
  WHERE NOT contains(words, '?')
    AND NOT regexp_matches(words, '(?i)\b(draft\w*|will|shall|planned|soon|until|unless|once|when|if|pending|propos\w+|review|not|never|wait\w*|entwurf\w*|wird|bald|bis|sobald|wenn|nicht|brouillon|sera|bientôt|quand|pas|borrador|será|pronto|cuando|hasta|bozza|sarà|rascunho)\b')
    AND (regexp_matches(words, '(?i)\b(replac\w+|supersed\w+|instead of|obsolet\w+|outdated|void|invalid|withdrawn|ersetzt\w*|statt|anstelle|ungültig|veraltet\w*|remplace\w*|annule\w*|au lieu|sustituye\w*|reemplaza\w*|sostituisce|substitui\w*|vervangt|ersätter)\b')
      OR is_heading AND (kind = 'answer' OR EXISTS (
        FROM told AS before
        WHERE before.packet = told.packet AND before.teller = told.teller AND before.time < told.time AND before.version < told.version AND before.is_heading AND before.kind = told.kind)))
)
SELECT
  use.teller, use.hearer, use.time, use.words, use.packet, use.version, use.trace_id, use.span_id,
  {'source_id': use.source_id, 'source_line': use.source_line, 'source_offset': use.source_offset, 'source_length': use.source_length},
  arg_max({'version': published.version, 'time': published.time, 'teller': published.teller, 'words': published.words, 'span_id': published.span_id, 'source_id': published.source_id,
    'source_line': published.source_line, 'source_offset': published.source_offset, 'source_length': published.source_length}, (published.version, published.time))
FROM told AS use
JOIN published ON published.packet = use.packet AND published.version > use.version AND published.time < use.time
  AND coalesce(published.hearer, use.teller) = use.teller AND published.teller IS DISTINCT FROM use.hearer
  AND coalesce(published.trace_id = use.trace_id, true)
WHERE use.kind <> 'answer' AND use.teller <> use.hearer AND published.teller <> use.teller AND NOT contains(use.words, '?')
  AND NOT regexp_matches(use.words, '(?i)\b(not|never|n.t|no|without|instead|compar\w+|diff\w*|void|replac\w+|supersed\w+|obsolete|outdated|old|former|previous|archiv\w+|delet\w+|remov\w+|revert\w*|roll\w* ?back|restor\w+|since|was|were|nicht|kein\w*|statt|alte\w*|vergleich\w*|lösch\w*|zurück|pas|sans|ancien\w*|sin|anterior|antigu\w+|borr\w+|non|senza|vecchi\w+|não|sem)\b')
  -- Whoever else names it since has brought it back; and who names the later one to the same agent afterwards has put it right.
  AND NOT EXISTS (FROM told AS back WHERE back.packet = use.packet AND back.version = use.version AND back.teller <> use.teller AND back.kind <> 'answer'
    AND back.time > published.time AND back.time < use.time AND coalesce(back.trace_id = use.trace_id, true) AND coalesce(back.hearer, use.teller) = use.teller)
  AND NOT EXISTS (FROM told AS mended WHERE mended.packet = use.packet AND mended.version > use.version AND mended.teller = use.teller AND mended.time > use.time
    AND coalesce(mended.trace_id = use.trace_id, true) AND coalesce(mended.hearer, use.hearer) = use.hearer)
GROUP BY ALL;

-- Why stale packets cannot be looked for; no reason when all is there.
CREATE VIEW _needs_stale_packet (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  usable > 0 OR told,
  CASE
    WHEN usable = 0 AND told THEN 'no span names the version of the facts it works from: only what agents told one another was looked at'
    WHEN uses = 0 THEN 'neither a span (`packet.id`, `packet.version`) nor what agents told one another names the version of the facts it works from'
    WHEN usable = 0 THEN 'no use of a packet has an agent, a time and a version that is a number'
    ELSE _unjudged('uses of packets', uses, uses - usable, 'no agent, no time or a version that is no number')
  END
FROM (SELECT count(*) AS uses, count(version) FILTER (agent_name IS NOT NULL AND start_time IS NOT NULL) AS usable FROM _packet_uses), (SELECT count(*) > 0 AS told FROM _versions_told);

-- An agent uses a version of a packet after a later version had been published and before it was told otherwise.
--
-- Means: it works from facts that no longer hold. Matters: its result is wrong by rule, and nothing fails. A version counts as published from
-- the end of the first span that names it, runs of agents left out; a run that is given an old version uses it. One finding an agent, trace and packet. Tier proven, severity critical.
-- Tier candidate, severity warning: an agent that was told of a later version, in a message, a report or by what a handing over brought back, gives another the one before to work from.
-- Example: facts v4 are published at 12:05, and Hermes sends the mail from v3 at 12:20.
-- Leaves alone: uses of a version before the later one was published; looking at an old version while nothing else uses it, if the agent
-- turns to the current one before it acts (its last use in the trace is current); whoever was given the old version by another of the same trace, who brought it
-- in after the later one was out; an old version that was published anew by the same tool, as when the later one is taken back (a packet of the same name in another run begins anew).
-- Misses: facts without version numbers, versions that are named in words and acted upon without handing them on, versions kept in an agent's own notes.
-- Do: repeat the work from the current version, and recall what went out.
-- scope: fleet
-- version: 7
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
FROM told
UNION ALL
SELECT
  'candidate', 'warning', any_value(trace_id), teller, coalesce(list(DISTINCT span_id) FILTER (span_id IS NOT NULL), []), min(time), max(time),
  format('{} told {} to work from {} v{}; v{} had replaced it at {}, and {} knew.', teller, hearer, packet, min(version), any_value(current.version ORDER BY time),
    strftime(any_value(current.time ORDER BY time)::TIMESTAMP, '%Y-%m-%d %H:%M:%S'), teller),
  list_prepend(
    any_value(_evidence(current.source_id, current.source_line, current.source_offset, current.source_length, current.span_id, coalesce(current.teller, '') || ' said: ' || current.words) ORDER BY time),
    list(_evidence(place.source_id, place.source_line, place.source_offset, place.source_length, span_id, teller || ' → ' || hearer || ': ' || words) ORDER BY time)[:20]),
  NULL, NULL
FROM _passed_on_stale
GROUP BY teller, hearer, packet;

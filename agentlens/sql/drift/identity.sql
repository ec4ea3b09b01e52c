-- What agents did against what they are declared to be: whose work each step looks like, and whether it crosses a boundary.
-- include: drift.definitions
-- include: drift.goal_alignment
-- include: spans.calls

-- What every agent is declared to do and never to do, one line a row: the lines of identity files, and what manifests say of its role and duties.
CREATE VIEW declared_lines (
  -- The agent.
  agent_name,
  -- `duty` (identity and responsibilities), `boundary`, or `unmarked` (under no known heading: it can excuse a step of its agent, and accuses no other).
  kind,
  -- The line.
  line,
  -- The first day on which it holds; NULL where that is not said: it holds always.
  since,
  -- The first day on which it does not hold any more; NULL where nothing replaced it.
  until,
  -- The source it stands in.
  source_id,
  -- First line of its section or record.
  source_line
) AS
WITH said AS (
  SELECT agent_name, part = 'boundaries' IS TRUE OR _forbids(line) AS is_boundary, part, line, since, until, source_id, source_line
  FROM definition_lines
),
manifests AS (
  SELECT spelled.agent_name, role, attributes, source_id, source_line
  FROM agents
  JOIN _spellings AS spelled ON folded = lower(agents.agent_name)
  WHERE known_from = 'manifest'
),
lists AS (
  SELECT agent_name, key, unnest(CASE json_type(attributes->key) WHEN 'ARRAY' THEN (attributes->key)::VARCHAR[] ELSE [attributes->>key] END) AS line, source_id, source_line
  FROM (SELECT *, unnest(['responsibilities', 'duties', 'mission', 'description', 'goal', 'scope', 'boundaries', 'never', 'forbidden', 'constraints']) AS key FROM manifests)
)
SELECT agent_name, CASE WHEN is_boundary THEN 'boundary' WHEN part IS NULL THEN 'unmarked' ELSE 'duty' END, line, since, until, source_id, source_line
FROM said
WHERE is_boundary OR part IS NULL OR part IN ('identity', 'responsibilities')
UNION ALL
SELECT agent_name, 'duty', role, NULL, NULL, source_id, source_line FROM manifests WHERE role IS NOT NULL
UNION ALL
SELECT
  agent_name, CASE WHEN key IN ('boundaries', 'never', 'forbidden', 'constraints') THEN 'boundary' ELSE 'duty' END, line, NULL, NULL, source_id, source_line
FROM lists
WHERE line IS NOT NULL;

-- Whether a line that holds between two days holds on a third; a moment that is not known is in no interval.
CREATE MACRO _holds(since, until, day) AS (since IS NULL OR coalesce(day >= since, false)) AND (until IS NULL OR coalesce(day < until, false));

-- The meaning words of a text, short ones such as `pay` and `buy` as well, without their commonest English endings, so that `invoices` and
-- `invoicing` are alike.
CREATE MACRO _stems(said) AS
list_distinct(list_transform(_meaning_words(said) || list_filter(_distinct_words(said), lambda word: regexp_full_match(word, '[a-z]{3}') AND NOT list_contains([
  'all', 'and', 'any', 'are', 'but', 'can', 'did', 'for', 'get', 'had', 'has', 'her', 'him', 'his', 'how', 'its', 'let', 'may', 'new', 'nor', 'not', 'now', 'off', 'old',
  'one', 'our', 'out', 'own', 'per', 'say', 'see', 'set', 'she', 'the', 'too', 'two', 'use', 'via', 'was', 'way', 'who', 'why', 'yes', 'yet', 'you'
], word)), lambda word: regexp_replace(word, '^(?:(.{4,}?)(ations?|ings?|ments?|ed|es|s|e)|(..[^s])s)$', '\1\3')));

-- What a message says in words: its texts, without thoughts, calls and what they gave.
CREATE MACRO _words_said(parts) AS
CASE WHEN json_type(parts) = 'ARRAY' THEN array_to_string(
  list_transform(list_filter(parts::JSON[], lambda part: coalesce(part->>'$.type', 'text') = 'text'), lambda part: coalesce(part->>'$.content', part->>'$')), chr(10)
) ELSE parts::VARCHAR END;

-- What agents did that can be compared with what they are: tool calls with their arguments, and answers.
CREATE VIEW _deeds (
  -- Place of the call in tree order.
  preorder,
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent.
  agent_name,
  -- When (UTC).
  start_time,
  -- The tool; NULL for an answer.
  tool_name,
  -- What was done or said, in words.
  said
) AS
SELECT preorder, trace_id, span_id, agent_name, start_time, tool_name, _intent_text(tool_name, tool_call_arguments)
FROM tool_calls
WHERE agent_name IS NOT NULL
UNION ALL
SELECT preorder, calls.trace_id, calls.span_id, agent_name, start_time, NULL, left(string_agg(said, chr(10) ORDER BY position), 2000)
FROM llm_calls AS calls
JOIN span_messages ON span_messages.trace_id = calls.trace_id AND span_messages.span_id = calls.span_id AND direction = 'output'
JOIN (SELECT message_hash, _words_said(parts) AS said FROM messages) AS messages USING (message_hash)
WHERE agent_name IS NOT NULL AND said <> '' AND EXISTS (FROM declared_lines)
GROUP BY ALL;

-- Every tool call and answer of the agents whose duties are declared: how much of it is in the words of its own duties and of those of others. A
-- word counts the more, the fewer agents are declared with it; one that all have counts nothing (one agent alone: each word 1).
CREATE VIEW identity_alignment (
  -- Trace of the step.
  trace_id,
  -- The step.
  span_id,
  -- The agent.
  agent_name,
  -- When (UTC).
  start_time,
  -- `gen_ai.tool.name`; NULL for an answer.
  tool_name,
  -- Weight of the words that it shares with the duties of its agent; 0 where none.
  own_weight,
  -- The other agent whose duties it shares most with; NULL where it shares nothing.
  nearest_other,
  -- Weight of the words that it shares with those.
  other_weight,
  -- `own`, `other` (at least two words of another's duties, and twice the weight of its own), else `unclear`.
  verdict,
  -- The boundary of its agent whose words it has (tool calls only): `never publish the release`; a sign, and no proof.
  boundary,
  -- Source of that boundary.
  boundary_source_id,
  -- Line of that boundary.
  boundary_source_line,
  -- Cosine of the step and the most alike duty of its agent, -1 to 1; NULL without `lens.embed`.
  similarity,
  -- The same with the duties of all others.
  other_similarity,
  -- Place in tree order.
  preorder
) AS
WITH lines AS MATERIALIZED (FROM declared_lines),
duties AS MATERIALIZED (
  SELECT agent_name, since, until, word, bool_or(kind = 'duty') AS accuses
  FROM (SELECT agent_name, kind, since, until, unnest(_stems(line)) AS word FROM lines WHERE kind <> 'boundary')
  GROUP BY ALL
),
declared AS (SELECT count(DISTINCT agent_name) AS agents FROM duties),
weights AS (
  SELECT word, CASE WHEN agents = 1 THEN 1 ELSE ln(agents / count(DISTINCT agent_name)) END AS weight
  FROM duties
  CROSS JOIN declared
  GROUP BY word, agents
),
deeds AS MATERIALIZED (FROM _deeds WHERE agent_name IN (SELECT agent_name FROM duties)),
words AS (SELECT preorder, agent_name, start_time::DATE AS day, unnest(_stems(said)) AS word FROM deeds),
found AS (
  SELECT DISTINCT preorder, words.agent_name, duties.agent_name AS whose, word, weight
  FROM words
  JOIN weights USING (word)
  JOIN duties USING (word)
  WHERE weight > 0 AND _holds(since, until, day) AND (accuses OR duties.agent_name = words.agent_name)
),
shared AS (
  SELECT preorder, agent_name, whose, sum(weight) AS weight, count(*) AS words
  FROM found
  GROUP BY ALL
),
nearest AS (
  SELECT
    preorder, coalesce(max(weight) FILTER (whose = agent_name), 0) AS own, arg_max(whose, (weight, whose)) FILTER (whose <> agent_name) AS nearest_other,
    max(weight) FILTER (whose <> agent_name) AS other_weight, arg_max(words, (weight, whose)) FILTER (whose <> agent_name) AS other_words
  FROM shared
  GROUP BY preorder
),
bounds AS (
  SELECT agent_name, line, since, until, source_id, source_line, list_filter(_stems(line), lambda word: NOT list_contains(['never', 'must', 'don', 'cannot'], word)) AS words
  FROM lines
  WHERE kind = 'boundary' AND _forbids_always(line)
),
crossed AS (
  SELECT preorder, min_by(struct_pack(line, source_id, source_line), line) AS bound
  FROM deeds
  JOIN bounds USING (agent_name)
  WHERE tool_name IS NOT NULL AND _holds(since, until, start_time::DATE) AND len(words) >= 2 AND length(said) <= 400 AND NOT regexp_matches(said, '(?i)\b(never|not|no)\b')
    AND len(list_intersect(words, _stems(said))) = len(words)
  GROUP BY preorder
),
alike AS (
  SELECT
    preorder, max(list_cosine_similarity(deed.vector, duty.vector)) FILTER (duty.agent_name = deeds.agent_name) AS own,
    max(list_cosine_similarity(deed.vector, duty.vector)) FILTER (duty.agent_name <> deeds.agent_name) AS other
  FROM deeds
  JOIN text_vectors AS deed ON deed.text_hash = md5(said)
  CROSS JOIN (
    SELECT agent_name, since, until, vector FROM lines JOIN text_vectors ON text_hash = md5(line) WHERE kind = 'duty'
  ) AS duty
  WHERE _holds(since, until, start_time::DATE)
  GROUP BY preorder
)
SELECT
  trace_id, span_id, agent_name, start_time, tool_name, coalesce(nearest.own, 0) AS own_weight, nearest_other, coalesce(nearest.other_weight, 0) AS other_weight,
  CASE WHEN other_words >= 2 AND nearest.other_weight >= 2 * nearest.own THEN 'other' WHEN nearest.own > 0 AND nearest.own >= coalesce(nearest.other_weight, 0) THEN 'own' ELSE 'unclear' END AS verdict,
  bound.line AS boundary, bound.source_id, bound.source_line, alike.own AS similarity, alike.other AS other_similarity, preorder
FROM deeds
LEFT JOIN nearest USING (preorder)
LEFT JOIN crossed USING (preorder)
LEFT JOIN alike USING (preorder);

-- How far agents went from what they are declared to be: the share of their steps that are another's work or cross a boundary of their own, among
-- those that can be told. Fewer than `min_steps` such steps, no declared duties, or nobody else to compare with: NULL, with the reason. Argument:
-- that least number.
CREATE MACRO identity_drift_of(min_steps := 10) AS TABLE
WITH counted AS (
  SELECT
    agent_name, count(*) AS steps, count(*) FILTER (verdict <> 'unclear' OR boundary IS NOT NULL) AS judged,
    count(*) FILTER (verdict = 'other') AS of_others, count(boundary) AS crossings,
    count(*) FILTER (verdict = 'other' OR boundary IS NOT NULL) AS away,
    min(start_time) FILTER (verdict = 'other' OR boundary IS NOT NULL) AS away_since, mode(nearest_other ORDER BY preorder) FILTER (verdict = 'other') AS nearest_other,
    median(preorder) FILTER (verdict <> 'unclear' OR boundary IS NOT NULL) AS middle, avg(similarity) AS similarity, avg(other_similarity) AS other_similarity,
    list(span_id ORDER BY boundary IS NULL, other_weight - own_weight DESC, preorder) FILTER (verdict = 'other' OR boundary IS NOT NULL) AS span_ids
  FROM identity_alignment
  GROUP BY agent_name
),
halves AS (
  SELECT
    agent_name, avg((verdict = 'other' OR boundary IS NOT NULL)::INT) FILTER (preorder <= middle) AS before,
    avg((verdict = 'other' OR boundary IS NOT NULL)::INT) FILTER (preorder > middle) AS after
  FROM identity_alignment
  JOIN counted USING (agent_name)
  WHERE verdict <> 'unclear' OR boundary IS NOT NULL
  GROUP BY agent_name
),
declared AS (
  SELECT agent_name, count(*) FILTER (kind <> 'boundary') AS duties, sum((count(*) FILTER (kind <> 'boundary') > 0)::INT) OVER () AS agents
  FROM declared_lines
  GROUP BY agent_name
),
scored AS (
  SELECT *, CASE WHEN judged >= min_steps AND agents > 1 THEN away / judged END AS score
  FROM (SELECT DISTINCT spelled.agent_name FROM agents JOIN _spellings AS spelled ON folded = lower(agents.agent_name))
  LEFT JOIN declared USING (agent_name)
  LEFT JOIN counted USING (agent_name)
  LEFT JOIN halves USING (agent_name)
),
bounded AS (
  SELECT *, (score + 1.92 / judged) / (1 + 3.8416 / judged) AS center, 1.96 * sqrt(score * (1 - score) / judged + 0.9604 / (judged * judged)) / (1 + 3.8416 / judged) AS reach
  FROM scored
)
SELECT
  agent_name, coalesce(steps, 0) AS steps, coalesce(judged, 0) AS judged, coalesce(of_others, 0) AS of_others, coalesce(crossings, 0) AS crossings,
  score, CASE WHEN score IS NOT NULL THEN greatest(0, center - reach) END AS score_low, CASE WHEN score IS NOT NULL THEN least(1, center + reach) END AS score_high, CASE WHEN score IS NOT NULL THEN before END AS score_before,
  CASE WHEN score IS NOT NULL THEN after END AS score_after, CASE WHEN score IS NOT NULL THEN away_since END AS away_since, nearest_other, similarity, other_similarity, coalesce(span_ids[:20], []) AS span_ids,
  CASE
    WHEN coalesce(duties, 0) = 0 THEN 'no identity file or manifest declares what it is there for'
    WHEN agents < 2 THEN 'no other agent is declared: there is nobody whose work it could be'
    WHEN score IS NULL THEN format('{} of {} steps share words with declared duties, too few to tell ({} are needed)', coalesce(judged, 0), coalesce(steps, 0), min_steps)
  END AS reason
FROM bounded
ORDER BY score DESC NULLS LAST, agent_name;

-- How far agents went from what they are declared to be, as `identity_drift_of()` has it.
CREATE VIEW identity_drift (
  -- The agent.
  agent_name,
  -- Its tool calls and answers.
  steps,
  -- Those that can be told: in the words of its own duties, of another's, or of a boundary.
  judged,
  -- Those that are another's work.
  of_others,
  -- Those that have the words of a boundary of its own.
  crossings,
  -- Share of the judged steps that are either, 0 (as declared) to 1; NULL where it cannot be told.
  score,
  -- Lower end of its 95 % interval (Wilson).
  score_low,
  -- Upper end of the same.
  score_high,
  -- The score of the first half of the judged steps.
  score_before,
  -- The score of the second half: higher means that it is drifting.
  score_after,
  -- The first of the judged steps that is either (UTC); NULL where none is.
  away_since,
  -- The agent whose work it does most often instead.
  nearest_other,
  -- Mean cosine of its steps with the most alike of its duties; NULL without `lens.embed`.
  similarity,
  -- The same with those of all others.
  other_similarity,
  -- The steps that speak for it, crossings first, at most twenty.
  span_ids,
  -- Why it cannot be told; NULL where it can.
  reason
) AS
FROM identity_drift_of();

-- Every text that `lens.embed` makes a vector for: briefs of runs, steps and what they read, duties and boundaries; each once.
CREATE VIEW texts_to_embed (
  -- MD5 of the text.
  text_hash,
  -- The text, at most 2,000 characters.
  said
) AS
SELECT DISTINCT md5(said), said
FROM (
  SELECT left(brief, 2000) AS said FROM run_briefs
  UNION ALL
  SELECT said FROM _deeds
  UNION ALL
  SELECT _intent_text(tool_name, tool_call_arguments) FROM tool_calls
  UNION ALL
  SELECT left(tool_call_result, 2000) FROM tool_calls
  UNION ALL
  SELECT line FROM declared_lines
)
WHERE said <> '';

-- What agents are declared to be, checked against what a definition needs and against each other.
-- include: messages.texts

-- The lines of every identity file whose agent is known, with the heading they stand under and what part of a definition that is: identity, responsibilities,
-- decision principles, boundaries; NULL for others.
CREATE VIEW definition_lines (
  -- The agent.
  agent_name,
  -- The document.
  document_id,
  -- The headings above, outermost first.
  heading,
  -- identity, responsibilities, decision principles, boundaries; NULL for other headings.
  part,
  -- The line, without the mark of a list.
  line,
  -- The source it stands in.
  source_id,
  -- First line of its section.
  source_line
) AS
WITH identities AS (SELECT document_id, agent_name FROM documents WHERE kind = 'identity' AND agent_name IS NOT NULL),
named AS (
  SELECT
    identities.agent_name, document_id, array_to_string(heading_path, ' / ') AS heading, lower(coalesce(heading_path[-1], '')) AS last_heading, text, source_id,
    source_line
  FROM sections
  JOIN identities USING (document_id)
)
SELECT
  agent_name, document_id, heading,
  CASE
    WHEN regexp_matches(last_heading, 'boundar|limit|never|do not|don.t|must not|forbidden|out of scope|restrict|escalat|not allowed') THEN 'boundaries'
    WHEN regexp_matches(last_heading, 'decision|principle|judg|priorit|value|guideline|rule|how (you|i) (decide|work|think)|style|truths') THEN 'decision principles'
    WHEN regexp_matches(last_heading, 'responsib|dut(y|ies)|what (you|i) do|mission|job|scope|owns?\b|deliver') THEN 'responsibilities'
    WHEN regexp_matches(last_heading, 'identity|who (you|i)|about|role|persona|profile|soul|vibe') THEN 'identity'
  END,
  unnest(list_filter(list_transform(string_split(coalesce(text, ''), chr(10)), lambda line: trim(regexp_replace(line, '^\s*([-*+]|\d+[.)])\s+', ''))), lambda line: line <> '')),
  source_id, source_line
FROM named;

-- What is wrong with the definitions themselves, one row a fault: a `missing part`, a definition that is `too long` (over 4,000 tokens, four bytes
-- each), `repeated text` and responsibilities `claimed twice` across agents, an agent that is told to do and never to do the same
-- (`contradiction`), and settings that the `environment` may override.
CREATE VIEW definition_checks (
  -- The agent.
  agent_name,
  -- `missing part`, `too long`, `repeated text`, `claimed twice`, `contradiction` or `environment`.
  fault,
  -- What is missing, repeated, claimed or overridden.
  detail,
  -- Other agents it concerns.
  other_agents,
  -- The document.
  document_id,
  -- The source it stands in.
  source_id,
  -- The line of the section; NULL for what is missing.
  source_line
) AS
WITH parts AS (SELECT unnest(['identity', 'responsibilities', 'decision principles', 'boundaries']) AS part),
agents_defined AS (
  SELECT agent_name, any_value(document_id) AS document_id, any_value(source_id) AS source_id, sum(strlen(line)) AS bytes
  FROM definition_lines
  GROUP BY agent_name
),
shared AS (
  SELECT lower(line) AS line, part, list_sort(list(DISTINCT agent_name)) AS agents
  FROM definition_lines
  GROUP BY ALL
  HAVING count(DISTINCT agent_name) > 1
)
SELECT agent_name, 'missing part', part, NULL::VARCHAR[], document_id, source_id, NULL::BIGINT
FROM agents_defined
CROSS JOIN parts
WHERE NOT EXISTS (
  FROM definition_lines AS lines
  WHERE lines.agent_name = agents_defined.agent_name
    AND (lines.part = parts.part OR parts.part = 'boundaries' AND regexp_matches(lines.line, '(?i)\b(never|must not|do not|don.t)\b'))
)
UNION ALL
SELECT agent_name, 'too long', format('about {:,} tokens', round(bytes / 4)::BIGINT), NULL, document_id, source_id, NULL
FROM agents_defined
WHERE bytes > 16000
UNION ALL
SELECT DISTINCT
  lines.agent_name, CASE WHEN lines.part = 'responsibilities' THEN 'claimed twice' ELSE 'repeated text' END, left(lines.line, 200),
  list_filter(shared.agents, lambda agent: agent <> lines.agent_name), document_id, source_id, source_line
FROM definition_lines AS lines
JOIN shared ON shared.line = lower(lines.line) AND shared.part IS NOT DISTINCT FROM lines.part
WHERE lines.part = 'responsibilities' AND length(lines.line) >= 15 OR length(lines.line) >= 80
UNION ALL
SELECT DISTINCT duty.agent_name, 'contradiction', left(duty.line, 100) || ' / ' || left(bound.line, 100), NULL, bound.document_id, bound.source_id, bound.source_line
FROM definition_lines AS duty
JOIN definition_lines AS bound ON bound.agent_name = duty.agent_name AND bound.part = 'boundaries' AND duty.part = 'responsibilities'
WHERE regexp_matches(bound.line, '(?i)\b(never|must not|do not|don.t)\b') AND NOT regexp_matches(bound.line, '(?i)\b(without|unless|until|except|before)\b')
  AND len(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3)) >= 2
  AND len(list_intersect(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3), _distinct_words(bound.line)))
    >= 0.8 * len(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3))
UNION ALL
SELECT DISTINCT agent_name, 'environment', left(line, 200), NULL, document_id, source_id, source_line
FROM definition_lines
WHERE regexp_matches(line, '\$\{?[A-Z][A-Z0-9_]{3,}\}?|\b[A-Z][A-Z0-9_]{3,}=\S|(?i)\boverrid(e|es|den) by (the )?env');

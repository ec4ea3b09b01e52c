-- What agents are declared to be, checked against what a definition needs and against each other.
-- include: messages.texts

-- Which part of a definition a heading announces, in the words that people use in English, French, German, Spanish, Portuguese and Chinese; NULL for
-- any other.
CREATE MACRO _definition_part(heading) AS
CASE
  WHEN regexp_matches(lower(heading), 'boundar|limit|never|do not|don.t|must not|forbidden|out of scope|restrict|escalat|not allowed|red line|guardrail|interdit|jamais|\bne\b.*\bpas\b|grenzen|verbot|niemals|límite|prohibid|proibid|nunca|边界|禁止|红线') THEN 'boundaries'
  WHEN regexp_matches(lower(heading), 'decision|principle|judg|priorit|value|guideline|rule|how (you|i) (decide|work|think)|style|truths|décision|principe|règle|entscheid|grundsätz|prinzip|regeln|decisi[oó]n|principio|princípio|regla|regra|原则|准则|决策') THEN 'decision principles'
  WHEN regexp_matches(lower(heading), 'responsib|dut(y|ies)|what (you|i) do|mission|job|scope|owns?\b|deliver|ce que (tu|vous|je) fai|tâche|aufgabe|zuständig|verantwort|responsab|tarea|tarefa|misión|missão|职责|责任|任务') THEN 'responsibilities'
  WHEN regexp_matches(lower(heading), 'identi(ty|té|tät)|who (you|i)|what i am|about|role|persona|profile|soul|vibe|qui (tu|je|vous)|rôle|wer (du|ich)|rolle|identid|quién|quem|身份|角色|是谁') THEN 'identity'
END;

-- Whether a line forbids something to the one it is said to: it begins with never, do not, or what other languages say for it.
CREATE MACRO _forbids(line) AS
regexp_matches(line, '(?i)^\W*(i |you |tu |vous |je |du |ich )?(never|must not|do not|don.t|ne (jamais|\pL+ (pas|jamais))|jamais|niemals|nunca)\b');

-- Whether a line forbids something anywhere in it, in English.
CREATE MACRO _says_never(line) AS regexp_matches(line, '(?i)\b(never|must not|do not|don.t)\b');

-- Whether a line forbids something and says of no case in which it is allowed.
CREATE MACRO _forbids_always(line) AS _says_never(line) AND NOT regexp_matches(line, '(?i)\b(without|unless|until|except|before|only)\b');

-- How each agent is written: a file titled `AGENTS.md — Scout` is about the agent whose spans say `scout`.
CREATE VIEW _spellings (
  -- The name in lower case.
  folded,
  -- The name as spans have it, else as anything else has it.
  agent_name
) AS
SELECT lower(agent_name), arg_max(agent_name, (acts, agent_name))
FROM (
  SELECT agent_name, true AS acts FROM spans GROUP BY agent_name
  UNION ALL
  SELECT agent_name, false FROM agents
  UNION ALL
  SELECT agent_name, false FROM documents
)
WHERE agent_name IS NOT NULL
GROUP BY lower(agent_name);

-- The lines of every identity file whose agent is known, with the heading they stand under and what part of a definition that is: identity, responsibilities,
-- decision principles, boundaries; NULL for others. A dated file holds from its day until a later one of the
-- same agent that is the like of it (SOUL.md, IDENTITY.md, AGENTS.md, TOOLS.md, BOOT.md, or any other name).
CREATE VIEW definition_lines (
  -- The agent.
  agent_name,
  -- The document.
  document_id,
  -- The first day on which it holds; NULL where the file has no date: it holds always.
  since,
  -- The first day on which it does not hold any more; NULL where nothing replaced it.
  until,
  -- The headings above, outermost first.
  heading,
  -- identity, responsibilities, decision principles, boundaries; NULL for other headings. In files without one of these, a short line that stands alone is a heading too.
  part,
  -- The line, without the mark of a list.
  line,
  -- The source it stands in.
  source_id,
  -- First line of its section.
  source_line
) AS
WITH identities AS (
  SELECT
    document_id, spelled.agent_name, date AS since,
    lead(date) OVER (PARTITION BY spelled.agent_name, regexp_extract(lower(path), '(soul|identity|agents|tools|boot)[^/\\]*$', 1), date IS NULL ORDER BY date) AS until
  FROM documents
  JOIN (SELECT source_id, path FROM sources) AS files USING (source_id)
  JOIN _spellings AS spelled ON folded = lower(documents.agent_name)
  WHERE kind = 'identity'
),
headed AS (
  SELECT
    identities.*, array_to_string(heading_path, ' / ') AS heading, source_id, source_line, section_index,
    -- The title of the file says nothing of what stands under a heading of its own.
    list_last(list_filter(
      list_transform(heading_path[least(2, len(heading_path)):], lambda name: _definition_part(regexp_replace(name, '\w+\.md', ''))), lambda part: part IS NOT NULL
    )) AS part,
    string_split(coalesce(text, ''), chr(10)) AS lines
  FROM sections
  JOIN identities USING (document_id)
),
rows_of_text AS (
  SELECT *, bool_or(part IS NOT NULL) OVER (PARTITION BY document_id) AS is_marked, unnest(lines) AS said, generate_subscripts(lines, 1) AS place
  FROM headed
),
titled AS (
  SELECT
    *,
    CASE WHEN
      NOT is_marked AND length(said) <= 60 AND NOT regexp_matches(said, '^\s*([-*+]|\d+[.)])\s|[.:;,!?]\s*$')
      AND (coalesce(trim(lag(said) OVER in_order), '') = '' OR coalesce(trim(lead(said) OVER in_order), '') = '')
    THEN _definition_part(said) END AS title
  FROM rows_of_text
  WINDOW in_order AS (PARTITION BY document_id ORDER BY section_index, place)
),
parted AS (
  SELECT *, coalesce(part, last_value(title IGNORE NULLS) OVER (PARTITION BY document_id ORDER BY section_index, place)) AS known_part
  FROM titled
)
SELECT agent_name, document_id, since, until, heading, known_part, trim(regexp_replace(said, '^\s*([-*+]|\d+[.)])\s+', '')), source_id, source_line
FROM parted
WHERE regexp_matches(said, '[\pL\pN]');

-- What is wrong with the definitions themselves as they hold now, one row a fault: a `missing part` (`cannot tell` where no heading is known as a part), a definition that is
-- `too long` (over 4,000 tokens, four bytes each), `repeated text` and responsibilities `claimed twice` across agents, an agent that is told to do
-- and never to do the same (`contradiction`), and settings that the `environment` may override.
CREATE VIEW definition_checks (
  -- The agent.
  agent_name,
  -- `missing part`, `cannot tell`, `too long`, `repeated text`, `claimed twice`, `contradiction` or `environment`.
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
lines_now AS MATERIALIZED (FROM definition_lines WHERE until IS NULL),
agents_defined AS (
  SELECT
    agent_name, min_by(document_id, source_id) AS document_id, min(source_id) AS source_id, sum(strlen(line)) AS bytes,
    bool_or(part IS NOT NULL) AS is_marked
  FROM lines_now
  GROUP BY agent_name
),
shared AS (
  SELECT lower(line) AS line, part, list_sort(list(DISTINCT agent_name)) AS agents
  FROM lines_now
  GROUP BY ALL
  HAVING count(DISTINCT agent_name) > 1
)
SELECT agent_name, 'missing part', part, NULL::VARCHAR[], document_id, source_id, NULL::BIGINT
FROM agents_defined
CROSS JOIN parts
WHERE is_marked AND NOT EXISTS (
  FROM lines_now AS lines
  WHERE lines.agent_name = agents_defined.agent_name
    AND CASE parts.part
      WHEN 'boundaries' THEN _forbids(lines.line) OR _says_never(lines.line)
      WHEN 'identity' THEN regexp_matches(lines.line, '(?i)^\W*(you are|you.re|i am|i.m|tu es|je suis|du bist|ich bin|eres|soy|你是|我是)\b|^\W*name\W')
      ELSE false
    END
  UNION ALL
  FROM lines_now AS lines
  WHERE lines.agent_name = agents_defined.agent_name AND lines.part = parts.part
)
UNION ALL
SELECT agent_name, 'cannot tell', 'none of its headings is known as a part of a definition', NULL, document_id, source_id, NULL
FROM agents_defined
WHERE NOT is_marked
UNION ALL
SELECT agent_name, 'too long', format('about {:,} tokens', round(bytes / 4)::BIGINT), NULL, document_id, source_id, NULL
FROM agents_defined
WHERE bytes > 16000
UNION ALL
SELECT DISTINCT
  lines.agent_name, CASE WHEN lines.part = 'responsibilities' THEN 'claimed twice' ELSE 'repeated text' END, left(lines.line, 200),
  list_filter(shared.agents, lambda agent: agent <> lines.agent_name), document_id, source_id, source_line
FROM lines_now AS lines
JOIN shared ON shared.line = lower(lines.line) AND shared.part IS NOT DISTINCT FROM lines.part
WHERE lines.part = 'responsibilities' AND length(lines.line) >= 15 OR length(lines.line) >= 80
UNION ALL
SELECT DISTINCT duty.agent_name, 'contradiction', left(duty.line, 100) || ' / ' || left(bound.line, 100), NULL, bound.document_id, bound.source_id, bound.source_line
FROM lines_now AS duty
JOIN lines_now AS bound ON bound.agent_name = duty.agent_name AND bound.part = 'boundaries' AND duty.part = 'responsibilities'
WHERE _forbids_always(bound.line)
  AND len(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3)) >= 2
  AND len(list_intersect(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3), _distinct_words(bound.line)))
    >= 0.8 * len(list_filter(_distinct_words(duty.line), lambda word: length(word) > 3))
UNION ALL
SELECT DISTINCT agent_name, 'environment', left(line, 200), NULL, document_id, source_id, source_line
FROM lines_now
WHERE regexp_matches(line, '\$\{?[A-Z][A-Z0-9_]{3,}\}?|\b[A-Z][A-Z0-9_]{3,}=\S|(?i)\boverrid(e|es|den) by (the )?env');

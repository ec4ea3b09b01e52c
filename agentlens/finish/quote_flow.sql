-- Adds who repeats whom, in a slice of the texts that repeat. Runs that follow one another in the text are one run; the longest stands for the pair.
INSERT INTO flow_quotes BY NAME
WITH
  found AS MATERIALIZED (FROM flow_found WHERE to_number::UBIGINT & $mask::UBIGINT = $slice::UBIGINT),
  pieces AS (
    SELECT
      from_number, from_preorder, to_number, to_preorder, rule, place,
      place - lag(place) OVER (PARTITION BY from_number, from_preorder, to_number ORDER BY place) > 4 AS is_new
    FROM (
      SELECT from_number, from_preorder, to_number, to_preorder, place, min(rule) AS rule
      FROM (SELECT * EXCLUDE (places), unnest(places) AS place FROM found WHERE what = 'run')
      GROUP BY ALL
    )
  ),
  stretches AS (
    SELECT from_number, from_preorder, to_number, to_preorder, rule, min(place) AS first, max(place) + 5 AS last
    FROM (
      SELECT *, count(*) FILTER (is_new) OVER (PARTITION BY from_number, from_preorder, to_number ORDER BY place) AS stretch FROM pieces
    )
    GROUP BY from_number, from_preorder, to_number, to_preorder, rule, stretch
  ),
  longest AS (
    SELECT from_number, from_preorder, to_number, to_preorder, min(rule) AS rule, arg_max(first, (last - first, -first)) AS first, arg_max(last, (last - first, -first)) AS last
    FROM stretches
    GROUP BY ALL
  ),
  -- A short run tells something where it holds four different words of at least four letters.
  run_texts AS (
    SELECT longest.*, last - first + 1 AS words, _words_in(said) AS spoken
    FROM longest
    JOIN flow_texts AS t ON t.number = to_number
    JOIN flow_bodies USING (text_id)
    WHERE last - first + 1 >= 12
      OR len(list_distinct(list_filter(list_slice(_words_in(lower(said)), first, last), lambda word: length(word) >= 4 AND regexp_matches(word, '\pL')))) >= 4
  ),
  -- What nothing shows to have been passed on, and what a file holds that had been written to, has more than one value in common, or it tells nothing.
  -- A call of a tool that is made again word for word repeats an action, and no knowledge.
  others AS (
    SELECT from_number, from_preorder, to_number, to_preorder, min(rule) AS rule, min(feature) FILTER (what = 'value') AS value, bool_or(what = 'whole') AS is_whole
    FROM found
    JOIN (SELECT number AS to_number, type FROM flow_texts) USING (to_number)
    WHERE what = 'value' OR (what = 'whole' AND type IS DISTINCT FROM 'tool_call')
    GROUP BY from_number, from_preorder, to_number, to_preorder
    HAVING is_whole OR min(rule) NOT IN ('other', 'resource') OR count(DISTINCT feature) >= 2
  ),
  named AS (SELECT others.*, token FROM others LEFT JOIN (SELECT DISTINCT hash(token) AS value, token FROM flow_tokens WHERE hash(token) IN (SELECT value FROM others)) USING (value)),
  merged AS (
    SELECT
      coalesce(r.from_number, n.from_number) AS from_number, coalesce(r.from_preorder, n.from_preorder) AS from_preorder,
      coalesce(r.to_number, n.to_number) AS to_number, coalesce(r.to_preorder, n.to_preorder) AS to_preorder,
      coalesce(r.rule, n.rule) AS rule, coalesce(is_whole, false) AS is_whole, coalesce(r.words, 1) AS words,
      coalesce(array_to_string(list_slice(spoken, first, least(last, first + 39)), ' '), token,
        array_to_string(_words_in(whole.said)[:40], ' ')) AS passed
    FROM run_texts AS r
    FULL JOIN named AS n
      ON n.from_number = r.from_number AND n.to_number = r.to_number AND n.from_preorder IS NOT DISTINCT FROM r.from_preorder
    LEFT JOIN flow_texts AS t ON t.number = n.to_number AND n.is_whole
    LEFT JOIN flow_bodies AS whole ON whole.text_id = t.text_id
  )
SELECT
  CASE WHEN is_whole AND rule IN ('brief', 'other', 'return') THEN 'carried' ELSE 'quoted' END AS kind,
  CASE
    WHEN is_whole AND rule IN ('window', 'brief', 'return') THEN 'certain'
    WHEN rule IN ('window', 'brief', 'return') THEN CASE WHEN words >= 12 THEN 'certain' ELSE 'likely' END
    WHEN words >= 12 THEN 'likely'
    ELSE 'possible'
  END AS confidence,
  from_preorder, from_number, to_preorder, to_number, words, passed
FROM merged;

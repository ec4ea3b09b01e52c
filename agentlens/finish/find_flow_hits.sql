-- What may show that one text depends on another: whole texts, runs of words and telling values that several texts or steps have in common,
-- in one of many slices.
CREATE OR REPLACE TEMP TABLE flow_hits AS
WITH
  runs AS MATERIALIZED (FROM flow_runs WHERE run & $mask::UBIGINT = $slice::UBIGINT),
  shared AS (SELECT run FROM runs GROUP BY run HAVING min(text_id) <> max(text_id) AND count(*) <= 300)
SELECT run AS feature, text_id, min(place) AS place, 'run' AS what FROM runs SEMI JOIN shared USING (run) GROUP BY ALL
UNION ALL
SELECT hash(token), text_id, NULL, 'value'
FROM (FROM flow_tokens WHERE hash(token) & $mask::UBIGINT = $slice::UBIGINT) AS flow_tokens
SEMI JOIN (SELECT token FROM flow_tokens GROUP BY token HAVING count(*) BETWEEN 2 AND 300 AND _is_telling(token)) USING (token)
WHERE token NOT IN (SELECT tool_name FROM spans WHERE tool_name IS NOT NULL)
UNION ALL
SELECT text_id, text_id, 0, 'whole' FROM (FROM flow_texts SEMI JOIN (FROM flow_bodies WHERE said <> '') USING (text_id))
WHERE bytes >= 24 AND text_id & $mask::UBIGINT = $slice::UBIGINT
GROUP BY text_id HAVING count(*) BETWEEN 2 AND 300;

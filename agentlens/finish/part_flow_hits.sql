-- Counts in how many texts of each trace a feature of the slice stands, where it can tell anything.
CREATE OR REPLACE TEMP TABLE flow_pairs AS
SELECT
  feature, trace, any_value(what) AS what, any_value(text_id) AS text_id, any_value(place) AS place,
  count(*) = 1 AND NOT bool_or(is_apart) AND feature NOT IN (SELECT feature FROM flow_hits WHERE text_id IN (SELECT text_id FROM flow_standing WHERE trace = 0)) AS is_single
FROM flow_hits
JOIN (SELECT text_id, trace, count(*) AS steps, bool_or(is_apart) AS is_apart FROM flow_standing GROUP BY ALL) AS standing USING (text_id)
GROUP BY feature, trace
HAVING sum(steps) >= 2 OR NOT is_single;

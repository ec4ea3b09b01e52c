-- Adds from which step to which the other features of the slice went. Runs of one pair of texts are kept together, by their places.
INSERT INTO flow_found BY NAME
WITH hits AS MATERIALIZED (
  SELECT feature, number, place, what
  FROM (SELECT feature, trace, number, place, what FROM flow_hits JOIN flow_standing USING (text_id))
  SEMI JOIN (FROM flow_pairs WHERE NOT is_single) USING (feature, trace)
)
SELECT from_number, from_preorder, to_number, to_preorder, what, rule, CASE WHEN what <> 'run' THEN feature END AS feature, list(place) FILTER (what = 'run') AS places
FROM _flow_links('hits', 40)
GROUP BY ALL;

-- Adds from which step to which the features of a slice went. Runs of one pair of texts are kept together, by their places.
INSERT INTO flow_found BY NAME
SELECT from_number, from_preorder, to_number, to_preorder, what, rule, CASE WHEN what <> 'run' THEN feature END AS feature, list(place) FILTER (what = 'run') AS places
FROM _flow_links('flow_hits', 40)
GROUP BY ALL;

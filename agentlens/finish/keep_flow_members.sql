-- Keeps the features of the slice that stand in one text of a trace only.
INSERT INTO flow_members BY NAME
SELECT text_id, trace, what, CASE WHEN what <> 'run' THEN feature END AS feature, list(place) FILTER (what = 'run') AS places
FROM flow_pairs
WHERE is_single
GROUP BY ALL;

-- Adds from which step to which the texts went that hold features which stand in no other text of the trace.
INSERT INTO flow_found BY NAME
WITH
  hits AS MATERIALIZED (
    SELECT hash(text_id, trace) AS feature, number, NULL::INTEGER AS place, 'text' AS what
    FROM (SELECT DISTINCT text_id, trace FROM flow_members)
    JOIN flow_standing USING (text_id, trace)
  )
SELECT from_number, from_preorder, to_number, to_preorder, members.what, rule, members.feature, places
FROM _flow_links('hits', 40) AS links
JOIN flow_members AS members ON hash(members.text_id, members.trace) = links.feature;

DROP TABLE flow_runs;
DROP TABLE flow_hits;
DROP TABLE flow_pairs;
DROP TABLE flow_standing;
DROP TABLE flow_members;

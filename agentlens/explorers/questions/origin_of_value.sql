-- The way of a value with the texts at both ends of every hop.
WITH found AS (FROM _flow_hits_of($value))
FROM _flow_way('found')
ORDER BY hop, start_time, to_node, from_node;

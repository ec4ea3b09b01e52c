-- The way of a run of words with the texts at both ends of every hop.
WITH found AS (FROM _flow_hits_of_text($pattern, $word))
FROM _flow_way('found')
ORDER BY hop, start_time, to_node, from_node;

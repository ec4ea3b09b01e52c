-- What led to some steps, with the texts at both ends of every hop.
WITH found AS (FROM _flow_texts_leading_to($span_ids::VARCHAR[], $most_hops))
FROM _flow_rows('found')
ORDER BY hop, start_time;

-- What a step was given, said and did came from, with the texts at both ends of every hop.
WITH found AS (FROM _flow_text_sources($trace_id, $span_id, $most_hops))
FROM _flow_rows('found')
ORDER BY hop, start_time;

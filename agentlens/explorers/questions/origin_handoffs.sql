-- The handings over that steps are: the step, the run of whoever took over, and the taker.
SELECT h.preorder, run.preorder AS run_preorder, run.subtree_end, h.to_agent
FROM handoffs AS h
LEFT JOIN spans AS run ON run.trace_id = h.trace_id AND run.span_id = h.to_span_id
WHERE h.preorder IN (SELECT unnest($preorders::BIGINT[]));

-- Where spans stand: from the root down, who did what.
SELECT below.preorder AS of, above.preorder, above.span_id, above.agent_name, above.name, above.operation_name
FROM (SELECT unnest($preorders::BIGINT[]) AS preorder) AS below
JOIN spans AS above ON above.preorder <= below.preorder AND below.preorder < above.subtree_end
ORDER BY ALL

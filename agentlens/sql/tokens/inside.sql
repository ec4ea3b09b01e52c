-- What was spent inside a span.
-- include: tokens.usage_ledger

-- Counted tokens and money in the subtree of every span that has spans below it and is an agent, a workflow or a tool call.
CREATE VIEW _subtree_usage (
  -- Place of the span in tree order.
  preorder,
  -- Input and output tokens counted in its subtree; NULL where nothing there says what it used.
  tokens,
  -- Billionths of a dollar counted in its subtree; NULL where nothing there is priced.
  cost_nano_usd
) AS
WITH running AS (
  SELECT
    preorder,
    row_number() OVER so_far AS records,
    count(cost_nano_usd) OVER so_far AS priced,
    sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0)) OVER so_far AS tokens,
    sum(coalesce(cost_nano_usd, 0)) OVER so_far AS cost_nano_usd
  FROM usage_ledger
  WHERE is_counted
  WINDOW so_far AS (ORDER BY preorder ROWS UNBOUNDED PRECEDING)
),
wholes AS (
  SELECT preorder, subtree_end
  FROM spans
  WHERE subtree_end > preorder + 1 AND operation_name IN ('execute_tool', 'invoke_agent', 'invoke_workflow')
)
SELECT
  wholes.preorder,
  CASE WHEN until.records > coalesce(before.records, 0) THEN until.tokens - coalesce(before.tokens, 0) END,
  CASE WHEN until.priced > coalesce(before.priced, 0) THEN until.cost_nano_usd - coalesce(before.cost_nano_usd, 0) END
FROM wholes
ASOF LEFT JOIN running AS before ON before.preorder < wholes.preorder
ASOF LEFT JOIN running AS until ON until.preorder < wholes.subtree_end;

-- Declared budgets that a line can stand for: of tasks and days.
SELECT agent_name, level, measure, amount FROM agent_budgets WHERE level <> 'call' ORDER BY ALL;

-- Declared budgets of days.
SELECT agent_name, level, measure, amount FROM agent_budgets WHERE level = 'day' ORDER BY ALL;

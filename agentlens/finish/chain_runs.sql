-- LangSmith knows runs of models and of tools; an agent's run is a chain to it, as any other. A chain is an agent's run where the log shows that an agent works
-- in it: (a) it has the name of its agent, what is above it is another agent's or a tool, and below it a model works with tools or in the nodes that LangChain
-- gives every agent; (b) it is the root, a model and tools work in it, and at most one agent is named there, and no run of (a) is in it.
-- In that case it goes by the one name that is known, else by its own, unless that one is LangChain's for any.
CREATE OR REPLACE TEMP TABLE chains AS
SELECT preorder, subtree_end, trace_id, parent_span_id, depth, name, CASE WHEN NOT is_agent_inherited THEN agent_name END AS agent_name
FROM spans
WHERE (operation_name IS NULL OR operation_name = 'invoke_agent')
  AND source_id IN (SELECT source_id FROM (FROM sources UNION ALL BY NAME FROM staged_sources) WHERE format = 'langsmith');

CREATE OR REPLACE TEMP TABLE working_chains AS
SELECT chains.*, coalesce(tool.preorder < chains.subtree_end, false) AS has_tool, coalesce(node.preorder < chains.subtree_end, false) AS has_node
FROM chains
ASOF JOIN (SELECT preorder FROM spans WHERE operation_name = 'chat') AS model ON model.preorder > chains.preorder
ASOF LEFT JOIN (SELECT preorder FROM spans WHERE operation_name = 'execute_tool') AS tool ON tool.preorder > chains.preorder
ASOF LEFT JOIN (SELECT preorder FROM chains WHERE name IN ('agent', 'model', 'call_model', 'model_request', 'tools')) AS node ON node.preorder > chains.preorder
WHERE model.preorder < chains.subtree_end;

CREATE OR REPLACE TEMP TABLE agent_chains AS
SELECT chain.preorder, chain.subtree_end, chain.trace_id, chain.agent_name, false AS is_root
FROM working_chains AS chain
LEFT JOIN spans AS above ON above.trace_id = chain.trace_id AND above.span_id = chain.parent_span_id
WHERE chain.name = chain.agent_name AND (has_tool OR has_node)
  AND (above.agent_name IS DISTINCT FROM chain.agent_name OR above.operation_name = 'execute_tool');

INSERT INTO agent_chains
SELECT
  root.preorder, root.subtree_end, root.trace_id,
  coalesce(any_value(named.agent_name), CASE WHEN NOT regexp_full_match(root.name, '(?i)langgraph|agentexecutor|runnable\w*|\w*chain|agent') THEN root.name END), true
FROM working_chains AS root
LEFT JOIN spans AS named ON named.trace_id = root.trace_id AND NOT named.is_agent_inherited AND named.preorder > root.preorder AND named.preorder < root.subtree_end
ANTI JOIN agent_chains AS run ON run.trace_id = root.trace_id AND run.preorder > root.preorder AND run.preorder < root.subtree_end
WHERE root.depth = 0 AND has_tool AND root.agent_name IS NULL
GROUP BY root.preorder, root.subtree_end, root.trace_id, root.name
HAVING count(DISTINCT named.agent_name) <= 1;

-- What an earlier read made of a chain is judged anew: what arrived since may have shown more.
UPDATE spans SET operation_name = CASE WHEN preorder IN (SELECT preorder FROM agent_chains) THEN 'invoke_agent' END
WHERE preorder IN (SELECT preorder FROM chains);

-- What names nobody in such a root is done by its agent, as everywhere below a run.
UPDATE spans SET agent_name = run.agent_name, is_agent_inherited = spans.preorder > run.preorder OR spans.name <> run.agent_name
FROM agent_chains AS run
WHERE is_root AND run.agent_name IS NOT NULL AND spans.agent_name IS NULL AND spans.preorder >= run.preorder AND spans.preorder < run.subtree_end;

DROP TABLE chains;
DROP TABLE working_chains;
DROP TABLE agent_chains;

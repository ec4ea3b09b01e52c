-- The spans already in the lens are staged again beside the new ones, as logged: a later read may complete a tree,
-- replace an unfinished span or bring its parent.
INSERT INTO staged_spans BY NAME
SELECT
  * EXCLUDE (
    duration_ns, is_agent_inherited, is_conversation_inherited, is_orphan, is_cycle_broken, root_span_id, depth, preorder, subtree_end
  ) REPLACE (
    CASE WHEN NOT is_agent_inherited THEN agent_name END AS agent_name,
    coalesce(attributes->>'$."gen_ai.conversation.id"', CASE WHEN NOT is_conversation_inherited THEN conversation_id END) AS conversation_id,
    CASE
      WHEN json_exists(attributes, '$."gen_ai.conversation.id"') THEN nullif(json_merge_patch(attributes, '{"gen_ai.conversation.id": null}'), '{}')
      ELSE attributes
    END AS attributes
  )
FROM spans;

DELETE FROM spans;

-- The sources whose records are spans.
CREATE TEMP TABLE span_record_sources AS
SELECT source_id FROM (FROM sources UNION ALL BY NAME FROM staged_sources) WHERE format IN (FROM span_formats);

-- The sources of logs that give each id once.
CREATE TEMP TABLE single_use_sources AS
SELECT source_id FROM staged_sources WHERE format IN (FROM single_use_formats);

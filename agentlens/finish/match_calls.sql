-- The same model call in two logs of one conversation of which only one names it: a telemetry event without an id beside a
-- session file. Where both logs give the same tokens at the same time, and no other call of that conversation could be
-- meant, the nameless one takes the name of the other, so that the call counts once. Its attributes say on what that rests.
CREATE OR REPLACE TEMP TABLE metered_calls AS
SELECT
  s.rowid AS staged_row, source_id, usage_key, t.conversation_id, end_time, input_tokens, output_tokens,
  coalesce(cache_read_input_tokens, 0) AS cache_read, coalesce(cache_write_input_tokens, 0) AS cache_write
FROM staged_spans AS s
JOIN placed_spans AS t ON s.rowid = t.staged_row
WHERE operation_name IN ('chat', 'generate_content', 'text_completion')
  AND length(t.conversation_id) >= 12 AND output_tokens > 0 AND input_tokens > 0 AND end_time IS NOT NULL
  AND usage_scope IS NOT DISTINCT FROM 'self';

CREATE OR REPLACE TEMP TABLE matched_calls AS
WITH formats AS (SELECT DISTINCT source_id, format FROM (FROM sources UNION ALL BY NAME FROM staged_sources))
SELECT nameless.staged_row, named.usage_key
FROM metered_calls AS nameless
JOIN metered_calls AS named USING (conversation_id, input_tokens, output_tokens, cache_read, cache_write)
JOIN formats AS a ON a.source_id = nameless.source_id
JOIN formats AS b ON b.source_id = named.source_id
WHERE nameless.usage_key IS NULL AND named.usage_key IS NOT NULL AND a.format <> b.format
  AND abs(epoch_ns(nameless.end_time) - epoch_ns(named.end_time)) <= 10_000_000_000
QUALIFY
  count(DISTINCT named.usage_key) OVER (PARTITION BY nameless.staged_row) = 1
  AND count(*) OVER (PARTITION BY named.usage_key, nameless.source_id) = 1;

UPDATE staged_spans AS s
SET
  usage_key = m.usage_key,
  attributes = json_merge_patch(coalesce(s.attributes, '{}'), '{"agentlens.usage_key": "likely: same conversation, tokens and time"}')
FROM matched_calls AS m
WHERE s.rowid = m.staged_row;

-- Whether our sums balance with the totals that the logs report themselves.
-- include: tokens.usage_ledger

-- The number of all tokens that a record claims for itself, under the names in use.
CREATE MACRO _claimed_total(attributes) AS
TRY_CAST(coalesce(
  attributes->>'$."llm.usage.total_tokens"', attributes->>'$."gen_ai.usage.total_tokens"',
  attributes->>'$."llm.token_count.total"', attributes->>'$."ai.usage.totalTokens"', attributes->>'$.usageDetails.total',
  attributes->>'$.usage.total_tokens'
) AS BIGINT);

-- The totals that stand in attributes: the running counter of a Codex session, and what MLflow says of a trace.
CREATE MACRO _totals_in_attributes() AS TABLE
SELECT
  preorder, 'running counter' AS kind,
  TRY_CAST(attributes->>'$.total_token_usage.input_tokens' AS BIGINT) AS input_tokens,
  TRY_CAST(attributes->>'$.total_token_usage.output_tokens' AS BIGINT) AS output_tokens,
  TRY_CAST(attributes->>'$.total_token_usage.cached_input_tokens' AS BIGINT) AS cache_read,
  TRY_CAST(attributes->>'$.total_token_usage.reasoning_output_tokens' AS BIGINT) AS reasoning
FROM spans
WHERE operation_name = 'invoke_agent' AND source_id IN (SELECT source_id FROM sources WHERE format = 'codex')
UNION ALL
SELECT
  preorder, 'trace total', TRY_CAST(said->>'$.input_tokens' AS BIGINT), TRY_CAST(said->>'$.output_tokens' AS BIGINT),
  TRY_CAST(said->>'$.cache_read_input_tokens' AS BIGINT), NULL
FROM (
  SELECT preorder, TRY_CAST(attributes->>'$."mlflow.info".trace_metadata."mlflow.trace.tokenUsage"' AS JSON) AS said
  FROM spans
  WHERE depth = 0 AND source_id IN (SELECT source_id FROM sources WHERE format = 'mlflow')
)
WHERE said IS NOT NULL;

-- Every total that a log reports about more than one call, held against the sum of what the ledger counts below it: one row a
-- total and measure. A residual of 0 balances; any other is explained in one sentence as far as the log can tell.
-- Records whose own total is not their input and output are listed too.
CREATE VIEW reconciliation (
  -- Trace of the total.
  trace_id,
  -- Span that reports it.
  span_id,
  -- Name of that span.
  name,
  -- `total` (of an agent, a step or a session), `running counter`, `trace total`, or `record` (a single call's own total).
  kind,
  -- `input_tokens`, `output_tokens`, `cache_read_input_tokens`, `reasoning_output_tokens`, `total_tokens` or `cost_usd`.
  measure,
  -- What the log reports.
  reported,
  -- What the ledger counts below.
  ours,
  -- `reported - ours`.
  residual,
  -- True where the residual is 0 (money: less than a millionth of a dollar or of the sum).
  balances,
  -- Why it balances, or the likely reason why not.
  reason,
  -- Place in tree order.
  preorder,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
WITH ledger AS MATERIALIZED (FROM usage_ledger),
claims AS (
  SELECT
    preorder, 'total' AS kind, input_tokens, output_tokens, cache_read_input_tokens AS cache_read,
    reasoning_output_tokens AS reasoning, reported_cost_usd AS cost, is_counted
  FROM ledger
  WHERE role IN ('rollup', 'cumulative')
  UNION ALL BY NAME
  SELECT *, NULL AS cost, false AS is_counted FROM _totals_in_attributes() WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL
),
nested AS (
  SELECT
    claims.*, spans.subtree_end, coalesce(
      (SELECT min(inner_span.depth) FROM spans AS inner_span
       WHERE inner_span.preorder > claims.preorder AND inner_span.preorder < spans.subtree_end
         AND inner_span.operation_name = 'invoke_agent' AND inner_span.agent_name IS DISTINCT FROM spans.agent_name), 0) > 0 AS has_agents
  FROM claims
  JOIN spans USING (preorder)
),
records AS (
  SELECT
    nested.preorder AS claim, nested.kind AS claim_kind, ledger.*,
    max(ledger.preorder) FILTER (ledger.is_counted) OVER (PARTITION BY nested.preorder, nested.kind) = ledger.preorder AS is_last,
    ledger.agent_name IS NOT DISTINCT FROM claimant.agent_name AS is_own
  FROM nested
  JOIN spans AS claimant ON claimant.preorder = nested.preorder
  JOIN ledger ON ledger.preorder >= nested.preorder AND ledger.preorder < nested.subtree_end
  WHERE ledger.preorder <> nested.preorder OR nested.is_counted
),
measured AS (
  SELECT
    claim, claim_kind, is_counted, is_last, is_own, role IN ('replay', 'fork prefix') AS is_elsewhere, unnest([
      {'measure': 'input_tokens', 'value': input_tokens::DECIMAL(38, 9)},
      {'measure': 'output_tokens', 'value': output_tokens::DECIMAL(38, 9)},
      {'measure': 'cache_read_input_tokens', 'value': cache_read_input_tokens::DECIMAL(38, 9)},
      {'measure': 'reasoning_output_tokens', 'value': reasoning_output_tokens::DECIMAL(38, 9)},
      {'measure': 'cost_usd', 'value': TRY_CAST(cost_nano_usd::DECIMAL(29, 0) / 1e9 AS DECIMAL(38, 9))}
    ], recursive := true),
    coalesce(cache_read_input_tokens, 0) + coalesce(cache_write_input_tokens, 0) AS cached,
    cost_source = 'unpriced' AS is_unpriced, reported_cost_usd
  FROM records
),
sums AS (
  SELECT
    claim AS preorder, claim_kind AS kind, measure, coalesce(sum(value) FILTER (is_counted), 0) AS ours,
    coalesce(sum(value) FILTER (is_counted OR is_elsewhere), 0) AS with_replays,
    sum(value) FILTER (is_counted AND is_last) AS last_call, coalesce(sum(value) FILTER (is_counted AND is_own), 0) AS own,
    coalesce(sum(value - CASE WHEN measure = 'input_tokens' THEN cached ELSE 0 END) FILTER (is_counted), 0) AS uncached,
    count(*) FILTER (is_counted) AS calls, count(*) FILTER (is_elsewhere) AS replays,
    count(*) FILTER (is_counted AND is_unpriced) AS unpriced,
    sum(reported_cost_usd) FILTER (is_counted) AS reported_costs
  FROM measured
  GROUP BY claim, claim_kind, measure
),
unmetered AS (
  SELECT nested.preorder, nested.kind, count(*) AS unmetered
  FROM nested
  JOIN spans AS silent ON silent.preorder > nested.preorder AND silent.preorder < nested.subtree_end
  WHERE silent.operation_name IN ('chat', 'generate_content', 'text_completion') AND silent.input_tokens IS NULL
    AND silent.output_tokens IS NULL
  GROUP BY nested.preorder, nested.kind
),
reported AS (
  SELECT preorder, kind, is_counted, has_agents, unnest([
    {'measure': 'input_tokens', 'reported': input_tokens::DECIMAL(38, 9)},
    {'measure': 'output_tokens', 'reported': output_tokens::DECIMAL(38, 9)},
    {'measure': 'cache_read_input_tokens', 'reported': cache_read::DECIMAL(38, 9)},
    {'measure': 'reasoning_output_tokens', 'reported': reasoning::DECIMAL(38, 9)},
    {'measure': 'cost_usd', 'reported': TRY_CAST(cost AS DECIMAL(38, 9))}
  ], recursive := true)
  FROM nested
),
compared AS (
  SELECT
    reported.*, sums.* EXCLUDE (preorder, kind, measure), coalesce(unmetered, 0) AS unmetered,
    abs(reported - coalesce(ours, 0)) <= CASE WHEN measure = 'cost_usd' THEN greatest(0.000001, ours * 0.000001) ELSE 0 END AS balances
  FROM reported
  LEFT JOIN sums USING (preorder, kind, measure)
  LEFT JOIN unmetered USING (preorder, kind)
  WHERE reported IS NOT NULL AND (calls > 0 OR reported > 0)
),
explained AS (
  SELECT
    preorder, kind, measure, reported, coalesce(ours, 0) AS ours, balances,
    CASE
      WHEN is_counted AND calls = 1 AND balances THEN 'nothing finer is logged below: the total itself is counted'
      WHEN balances THEN 'balances'
      WHEN reported = 0 THEN 'the total reports nothing'
      WHEN calls IS NULL OR calls = 0 THEN 'nothing below it is counted'
      WHEN replays > 0 AND reported = with_replays THEN format('{} calls of it are replayed here and counted where they were made', replays)
      WHEN measure = 'input_tokens' AND reported = uncached THEN 'it leaves out cached input'
      WHEN has_agents AND reported = own THEN 'it leaves out the agents below'
      WHEN calls > 1 AND reported = last_call THEN 'it is the usage of the last call below only'
      WHEN measure = 'cost_usd' AND unpriced > 0 THEN format('{} of {} calls below are unpriced', unpriced, calls)
      WHEN measure = 'cost_usd' AND abs(reported - reported_costs) <= 0.000001 THEN 'it is the sum of the costs that the calls report; the dated price list differs'
      WHEN measure = 'cost_usd' THEN 'the log was priced by another list, or bills more than tokens'
      WHEN unmetered > 0 THEN format('{} model calls below carry no usage', unmetered)
      WHEN kind = 'running counter' AND reported > ours THEN 'the counter began before this session (fork or resumed), with what is counted there'
      WHEN reported > ours THEN 'it counts calls that are not logged below, or counts them otherwise'
      ELSE 'it covers fewer calls than are logged below, or counts them otherwise'
    END AS reason
  FROM compared
),
own_totals AS (
  SELECT
    ledger.preorder, 'record' AS kind, 'total_tokens' AS measure, _claimed_total(attributes)::DECIMAL(38, 9) AS reported,
    (coalesce(ledger.input_tokens, 0)::HUGEINT + coalesce(ledger.output_tokens, 0))::DECIMAL(38, 9) AS ours,
    coalesce(ledger.cache_read_input_tokens, 0)::HUGEINT + coalesce(ledger.cache_write_input_tokens, 0) AS cached
  FROM ledger
  JOIN spans USING (preorder)
  WHERE is_counted AND role = 'leaf' AND contains(attributes::VARCHAR, 'otal')
    AND _claimed_total(attributes) IS DISTINCT FROM coalesce(ledger.input_tokens, 0)::HUGEINT + coalesce(ledger.output_tokens, 0)
    AND _claimed_total(attributes) IS NOT NULL
),
rows AS (
  FROM explained
  UNION ALL
  SELECT
    preorder, kind, measure, reported, ours, false,
    CASE
      WHEN reported = ours - cached THEN 'its own total leaves out cached input'
      WHEN reported > ours THEN 'its own total holds tokens that it shows neither as input nor as output (thinking, tools, audio): they are not counted'
      ELSE 'its own total is smaller than its input and output'
    END
  FROM own_totals
)
SELECT
  spans.trace_id, spans.span_id, spans.name, rows.kind, measure, reported, ours, reported - ours, balances, reason, spans.preorder,
  spans.source_id, spans.source_line, spans.source_offset, spans.source_length
FROM rows
JOIN spans USING (preorder);

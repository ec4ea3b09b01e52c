-- Whether our sums balance with the totals that the logs report themselves.
-- include: lens.sentences
-- include: tokens.reported_totals
-- include: tokens.usage_ledger

-- The number of all tokens that a record claims for itself, under the names in use.
CREATE MACRO _claimed_total(attributes) AS
TRY_CAST(coalesce(
  attributes->>'$."llm.usage.total_tokens"', attributes->>'$."gen_ai.usage.total_tokens"',
  attributes->>'$."llm.token_count.total"', attributes->>'$."ai.usage.totalTokens"', attributes->>'$.usageDetails.total',
  attributes->>'$.usage.total_tokens'
) AS BIGINT);

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
  -- `total` (of an agent, a step or a session), `running counter`, `session total`, `trace total`, `file total`, `sub-agent result`, or
  -- `record` (a single call's own total).
  kind,
  -- `input_tokens`, `output_tokens`, `cache_read_input_tokens`, `reasoning_output_tokens`, `total_tokens` or `cost_usd`.
  measure,
  -- What the log reports.
  reported,
  -- What the ledger counts below.
  ours,
  -- `reported - ours`.
  residual,
  -- True where the residual is 0 (money: less than a millionth of a dollar or of the sum, or than the rounding of a printed amount).
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
    preorder, 'total' AS kind, 'subtree' AS covers, input_tokens, output_tokens, cache_read_input_tokens AS cache_read,
    reasoning_output_tokens AS reasoning, NULL::BIGINT AS total, reported_cost_usd AS cost, 0 AS rounding, is_counted
  FROM ledger
  WHERE role IN ('rollup', 'cumulative')
    OR (input_tokens IS NULL AND output_tokens IS NULL AND operation_name IN ('invoke_agent', 'invoke_workflow'))
  UNION ALL BY NAME
  SELECT *, false AS is_counted FROM _reported_totals
),
nested AS (
  SELECT
    claims.*, spans.subtree_end, spans.trace_id, spans.source_id, spans.agent_name, coalesce(
      (SELECT min(inner_span.depth) FROM spans AS inner_span
       WHERE inner_span.preorder > claims.preorder AND inner_span.preorder < spans.subtree_end
         AND inner_span.operation_name = 'invoke_agent' AND inner_span.agent_name IS DISTINCT FROM spans.agent_name), 0) > 0 AS has_agents
  FROM claims
  JOIN spans USING (preorder)
),
-- The stretches of tree order that a total covers.
stretches AS (
  SELECT preorder AS claim, kind AS claim_kind, agent_name AS claimant, preorder AS first_preorder, subtree_end AS end_preorder
  FROM nested
  WHERE covers = 'subtree'
  UNION ALL
  SELECT nested.preorder, nested.kind, nested.agent_name, root.preorder, root.subtree_end
  FROM nested
  JOIN spans AS root ON root.trace_id = nested.trace_id
  WHERE covers = 'trace' AND root.depth = 0
  UNION ALL
  SELECT nested.preorder, nested.kind, nested.agent_name, root.preorder, root.subtree_end
  FROM nested
  JOIN spans AS root ON root.source_id = nested.source_id
  WHERE covers = 'source' AND root.depth = 0
),
records AS (
  SELECT
    claim, claim_kind, ledger.*, ledger.agent_name IS NOT DISTINCT FROM claimant AS is_own,
    max(ledger.preorder) FILTER (ledger.is_counted) OVER (PARTITION BY claim, claim_kind) = ledger.preorder AS is_last
  FROM stretches
  JOIN ledger ON ledger.preorder >= first_preorder AND ledger.preorder < end_preorder
),
measured AS (
  SELECT
    claim, claim_kind, is_counted, is_last, is_own, role IN ('replay', 'fork prefix') AS is_elsewhere, unnest([
      {'measure': 'input_tokens', 'value': input_tokens::DECIMAL(38, 9)},
      {'measure': 'output_tokens', 'value': output_tokens::DECIMAL(38, 9)},
      {'measure': 'cache_read_input_tokens', 'value': cache_read_input_tokens::DECIMAL(38, 9)},
      {'measure': 'reasoning_output_tokens', 'value': reasoning_output_tokens::DECIMAL(38, 9)},
      {'measure': 'total_tokens', 'value': (coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0))::DECIMAL(38, 9)},
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
  SELECT claim AS preorder, claim_kind AS kind, count(*) AS unmetered
  FROM stretches
  JOIN spans AS silent ON silent.preorder >= first_preorder AND silent.preorder < end_preorder
  WHERE silent.operation_name IN ('chat', 'generate_content', 'text_completion') AND silent.input_tokens IS NULL
    AND silent.output_tokens IS NULL
  GROUP BY ALL
),
reported AS (
  SELECT preorder, kind, is_counted, has_agents, rounding, unnest([
    {'measure': 'input_tokens', 'reported': input_tokens::DECIMAL(38, 9)},
    {'measure': 'output_tokens', 'reported': output_tokens::DECIMAL(38, 9)},
    {'measure': 'cache_read_input_tokens', 'reported': cache_read::DECIMAL(38, 9)},
    {'measure': 'reasoning_output_tokens', 'reported': reasoning::DECIMAL(38, 9)},
    {'measure': 'total_tokens', 'reported': total::DECIMAL(38, 9)},
    {'measure': 'cost_usd', 'reported': TRY_CAST(cost AS DECIMAL(38, 9))}
  ], recursive := true)
  FROM nested
),
compared AS (
  SELECT
    reported.*, sums.* EXCLUDE (preorder, kind, measure), coalesce(unmetered, 0) AS unmetered,
    abs(reported - coalesce(ours, 0)) <= CASE WHEN measure = 'cost_usd' THEN greatest(0.000001, ours * 0.000001, rounding) ELSE 0 END AS balances
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
      WHEN kind = 'sub-agent result' AND coalesce(calls, 0) = 0 THEN 'the log of the sub-agent was not read: its calls are in no sum'
      WHEN calls IS NULL OR calls = 0 THEN 'nothing below it is counted'
      WHEN replays > 0 AND reported = with_replays THEN format(CASE WHEN replays = 1 THEN '{} call of it is replayed here and counted where it was made' ELSE '{} calls of it are replayed here and counted where they were made' END, replays)
      WHEN measure = 'input_tokens' AND reported = uncached THEN 'it leaves out cached input'
      WHEN has_agents AND reported = own THEN 'it leaves out the agents below'
      WHEN calls > 1 AND reported = last_call THEN 'it is the usage of the last call below only'
      WHEN kind = 'sub-agent result' AND measure = 'output_tokens' AND calls > 1 AND reported > last_call THEN format(
        'it is the usage of the last call below only, which is logged with {}, as it began to stream', _plural(last_call, 'output token'))
      WHEN measure = 'cost_usd' AND unpriced > 0 THEN format('{} of {} below {} unpriced', unpriced, _plural(calls, 'call'), CASE WHEN unpriced = 1 THEN 'is' ELSE 'are' END)
      WHEN measure = 'cost_usd' AND abs(reported - reported_costs) <= 0.000001 + rounding * (calls + 1) THEN 'it is the sum of the costs that the calls report; the dated price list differs'
      WHEN kind = 'session total' AND measure = 'cost_usd' AND reported_costs > 0 AND calls > 0 AND rounding > 0
        THEN 'the counter is not the sum of the costs printed below: sessions that ran at the same time wrote into one file, or answers printed none'
      WHEN measure = 'cost_usd' THEN 'the log was priced by another list, or bills more than tokens'
      WHEN unmetered > 0 THEN format('{} below {} no usage', _plural(unmetered, 'model call'), CASE WHEN unmetered = 1 THEN 'carries' ELSE 'carry' END)
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

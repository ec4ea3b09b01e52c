-- What changed, since when, and whether it is real: one row a measured series and change, of each agent and of what several agents share. Filled by
-- `al.detect()` and `al.Drift`.
CREATE TABLE drift_changes (
  -- What the series is of: `agent`, or what several agents share: a `tool`, a `model`, or an `operation` with several tools or models.
  dimension VARCHAR NOT NULL,
  -- The tool, model or operation; NULL for `agent`.
  member VARCHAR,
  -- The agent; NULL for what several share.
  agent_name VARCHAR,
  -- What was measured, as in `observations`.
  measure VARCHAR NOT NULL,
  -- The tool, for measures of tools.
  tool_name VARCHAR,
  -- `step` or `slope` (it behaves differently at like work), `workload` (only the mix of work changed), `none`, or `too few` (the data
  -- cannot tell).
  verdict VARCHAR NOT NULL,
  -- First observation after a step, or of a slope (UTC).
  start_time TIMESTAMP_NS,
  -- Earliest moment of the change, 95 % interval (UTC).
  earliest TIMESTAMP_NS,
  -- Latest moment of the change.
  latest TIMESTAMP_NS,
  -- Observations before the change, up to the change before it; of a series without change, all.
  n_before BIGINT NOT NULL,
  -- Observations after it, up to the next change.
  n_after BIGINT NOT NULL,
  -- Level before, at like work: the median of numbers, the mean of rates.
  value_before DOUBLE,
  -- Level after, at like work.
  value_after DOUBLE,
  -- `value_after - value_before`.
  difference DOUBLE,
  -- Lower end of its 95 % interval.
  difference_low DOUBLE,
  -- Upper end of the same.
  difference_high DOUBLE,
  -- Chance of such a course without any change, like work compared with like; NULL where it could not be tested. Of what several share: chance of
  -- such a course where at most one of them changed (Benjamini and Heller 2008).
  p_value DOUBLE,
  -- The same after Benjamini and Hochberg over all series: accept what is below a limit, and at most that share of it is false.
  q_value DOUBLE,
  -- Chance of such a course without any change, kinds of work mixed.
  mixed_p_value DOUBLE,
  -- Kinds of work that were told apart.
  strata INTEGER NOT NULL,
  -- Who shares it: the agents, or the tools or models of an operation; NULL for `agent`.
  shared_by VARCHAR[],
  -- Releases that fall into the interval of the date, as in `releases`.
  suspects STRUCT(agent_name VARCHAR, kind VARCHAR, value_before VARCHAR, value VARCHAR, start_time TIMESTAMP_NS, trace_id VARCHAR, span_id VARCHAR)[],
  -- What to think of it, in one or two sentences.
  explanation VARCHAR NOT NULL,
  -- The last tasks or calls before the change, at most fifty.
  span_ids_before VARCHAR[],
  -- The first ones after it, at most fifty.
  span_ids_after VARCHAR[]
);

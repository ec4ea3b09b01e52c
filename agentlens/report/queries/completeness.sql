-- What the evidence is known to lack, over all sources.
SELECT
  sum(orphans)::BIGINT AS orphans, sum(cycles_cut)::BIGINT AS cycles_cut, sum(unfinished)::BIGINT AS unfinished,
  sum(negative_durations)::BIGINT AS negative_durations, sum(without_time)::BIGINT AS without_time,
  sum(calls_without_usage)::BIGINT AS calls_without_usage
FROM source_completeness

-- What every source lacks; sources that lack nothing come last.
SELECT
  path, format, records::INTEGER AS records, accepted::INTEGER AS accepted, rejected::INTEGER AS rejected,
  skipped::INTEGER AS skipped, is_accounted_for, spans::INTEGER AS spans, orphans::INTEGER AS orphans,
  cycles_cut::INTEGER AS cycles_cut, unfinished::INTEGER AS unfinished, negative_durations::INTEGER AS negative_durations,
  without_time::INTEGER AS without_time, calls_without_usage::INTEGER AS calls_without_usage, known_missing
FROM source_completeness
ORDER BY rejected + orphans + cycles_cut + unfinished + negative_durations + without_time + calls_without_usage + len(known_missing) DESC, path

-- Each wave: who was sent work, how it ended by the reports, and what was found all the same.
SELECT
  wave, start_time, end_time, list_sort(list_distinct(list_transform(sent, lambda one: one.agent_name))) AS sent_to,
  statuses, done, in_trouble, without_report, errors, what_broke, is_first_broken, findings
FROM waves
ORDER BY start_time NULLS LAST, wave

-- What findings and errors are called elsewhere.

-- The one place that says how the names used here translate into those of others. One row a detector (or class of error); where a
-- vocabulary has no word for it, or only one that says more than was shown, NULL: a forced translation would be a false accusation.
--
-- `failure_mode`: the five of multi-agent post-mortems: context collapse, cascading error, coordination deadlock, retry storm, context
-- pollution. `failure_class`: transient, overflow, validation, behavioural, catastrophic. `cause`: bad instruction, missing context, tool
-- error, hallucination; the last only where the log itself shows that something was claimed without a source. `dead_letter`: the codes of
-- dead-letter records.
--
-- `mast`: Cemri et al., Why Do Multi-Agent LLM Systems Fail? (arXiv 2503.13657v3, NeurIPS 2025), the names of its last version; earlier ones and
-- the authors' programs call FM-2.6 Action-reasoning mismatch, and FM-3.2 and FM-3.3 No or incorrect and Weak verification. No log shows FM-2.1,
-- FM-2.2, FM-2.6 or FM-3.3 beyond doubt. FM-1.3 is the reiteration of completed steps (attempts that fail are none), FM-1.4 needs what was lost,
-- FM-2.5 an agent that had been given what it ignored.
--
-- `trail`: Deshpande et al., TRAIL: Trace Reasoning and Agentic Issue Localization (arXiv 2505.08638v3), category and leaf. TRAIL counts a full window
-- among Context Handling Failures, and Resource Exhaustion as that of memory. Resource Abuse is said where a tool was called too often; why it was, no
-- log shows. Permissions have none: 403 stands under Authentication Errors, other rights under Environment Setup Errors.
CREATE VIEW crosswalk (
  -- `detector` or `error class`.
  kind,
  -- Name of the detector, or class in `errors`.
  name,
  -- Only findings of this tier; NULL for all.
  tier,
  -- context collapse, cascading error, coordination deadlock, retry storm or context pollution.
  failure_mode,
  -- transient, overflow, validation, behavioural or catastrophic.
  failure_class,
  -- bad instruction, missing context, tool error or hallucination.
  cause,
  -- Failure mode of MAST, number and name.
  mast,
  -- Category of TRAIL.
  trail,
  -- Code of a dead-letter record.
  dead_letter
) AS
FROM (VALUES
  ('detector', 'tool_loop', NULL, 'retry storm', 'behavioural', NULL, 'FM-1.3 Step repetition', 'Context Management: Resource Abuse', NULL),
  ('detector', 'no_op_storm', NULL, 'retry storm', 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'retry_storm', NULL, 'retry storm', 'transient', 'tool error', NULL, 'Context Management: Resource Abuse', 'FAILED-TOOL'),
  ('detector', 'retry_burst', NULL, 'retry storm', 'transient', 'tool error', NULL, NULL, 'FAILED-TOOL'),
  ('detector', 'delegation_loop', NULL, 'coordination deadlock', 'behavioural', NULL, NULL, 'Task Management: Task Orchestration', NULL),
  ('detector', 'repeated_text', NULL, 'retry storm', 'behavioural', NULL, 'FM-1.3 Step repetition', NULL, 'FAILED-LOGIC'),
  ('detector', 'swallowed_error', NULL, 'cascading error', 'validation', 'tool error', 'FM-3.2 No or incomplete verification', 'Information Processing: Tool Output Misinterpretation', 'FAILED-TOOL'),
  ('detector', 'swallowed_error', 'proven', 'cascading error', 'validation', 'hallucination', 'FM-3.2 No or incomplete verification', 'Hallucinations: Tool-related', 'FAILED-TOOL'),
  ('detector', 'error_cascade', NULL, 'cascading error', 'catastrophic', NULL, NULL, NULL, NULL),
  ('detector', 'plausible_cascade', NULL, 'cascading error', 'validation', NULL, 'FM-3.2 No or incomplete verification', NULL, 'FAILED-LOGIC'),
  ('detector', 'error_burst', NULL, NULL, 'transient', 'tool error', NULL, NULL, 'FAILED-TOOL'),
  ('detector', 'deadlock', NULL, 'coordination deadlock', 'catastrophic', NULL, NULL, 'Task Management: Task Orchestration', NULL),
  ('detector', 'missed_heartbeat', NULL, NULL, 'transient', NULL, NULL, NULL, NULL),
  ('detector', 'silent_agent', NULL, NULL, 'catastrophic', NULL, NULL, NULL, 'PARTIAL'),
  ('detector', 'runaway', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'lost_message', NULL, 'coordination deadlock', 'catastrophic', NULL, NULL, 'Task Management: Task Orchestration', NULL),
  ('detector', 'competing_writes', NULL, 'context pollution', 'behavioural', NULL, NULL, 'Task Management: Task Orchestration', NULL),
  ('detector', 'stale_packet', NULL, 'context pollution', 'validation', 'missing context', NULL, 'Context Management: Context Handling Failures', 'FAILED-LOGIC'),
  ('detector', 'premature_complete', NULL, NULL, 'validation', NULL, 'FM-3.1 Premature termination', 'Task Management: Task Orchestration', 'PARTIAL'),
  ('detector', 'blocked', NULL, NULL, 'transient', NULL, NULL, NULL, NULL),
  ('detector', 'thundering_herd', NULL, NULL, 'transient', NULL, NULL, NULL, NULL),
  ('detector', 'off_matrix_delegation', NULL, NULL, 'behavioural', NULL, 'FM-1.2 Disobey role specification', 'Task Management: Task Orchestration', NULL),
  ('detector', 'undeclared_tool', NULL, NULL, 'behavioural', NULL, 'FM-1.2 Disobey role specification', NULL, 'FAILED-SCOPE'),
  ('detector', 'scope_breach', NULL, 'context pollution', 'behavioural', NULL, 'FM-1.2 Disobey role specification', NULL, NULL),
  ('detector', 'approval_skipped', NULL, NULL, 'behavioural', NULL, 'FM-1.1 Disobey task specification', NULL, NULL),
  ('detector', 'context_overflow', NULL, 'context collapse', 'overflow', NULL, NULL, 'Context Management: Context Handling Failures', NULL),
  ('detector', 'context_collapse', NULL, 'context collapse', 'overflow', 'missing context', 'FM-1.4 Loss of conversation history', 'Context Management: Context Handling Failures', NULL),
  ('detector', 'context_pollution', NULL, 'context pollution', 'validation', NULL, 'FM-3.2 No or incomplete verification', 'Information Processing: Tool Output Misinterpretation', NULL),
  ('detector', 'missing_brief', NULL, 'context collapse', 'validation', 'missing context', 'FM-2.4 Information withholding', 'Context Management: Context Handling Failures', 'BLOCKED-AMBIG'),
  ('detector', 'injection', NULL, 'context pollution', 'catastrophic', 'bad instruction', NULL, NULL, NULL),
  ('detector', 'secret_exposure', NULL, NULL, 'catastrophic', NULL, NULL, NULL, NULL),
  ('detector', 'budget_breach', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'duplicate_work', NULL, NULL, 'behavioural', NULL, 'FM-1.3 Step repetition', 'Context Management: Resource Abuse', NULL),
  ('detector', 'cache_miss_storm', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'oversized_prompt', NULL, NULL, 'overflow', NULL, NULL, NULL, NULL),
  ('detector', 'drift_step', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'drift_slope', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'silent_degradation', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('detector', 'goal_drift', NULL, NULL, 'behavioural', NULL, 'FM-2.3 Task derailment', 'Task Management: Goal Deviation', NULL),
  ('error class', 'rate limit', NULL, NULL, 'transient', 'tool error', NULL, 'API Issues: Rate Limiting', 'BLOCKED-RATE'),
  ('error class', 'time-out', NULL, NULL, 'transient', 'tool error', NULL, 'Resource Management: Timeout Issues', 'FAILED-TOOL'),
  ('error class', 'unavailable', NULL, NULL, 'transient', 'tool error', NULL, 'API Issues: Service Errors', 'FAILED-TOOL'),
  ('error class', 'authentication', NULL, NULL, 'catastrophic', 'tool error', NULL, 'API Issues: Authentication Errors', 'BLOCKED-CRED'),
  ('error class', 'permission', NULL, NULL, 'catastrophic', 'tool error', NULL, NULL, 'BLOCKED-PERM'),
  ('error class', 'not found', NULL, NULL, 'validation', 'tool error', NULL, 'API Issues: Resource Not Found', 'BLOCKED-DATA'),
  ('error class', 'context overflow', NULL, 'context collapse', 'overflow', 'missing context', NULL, 'Context Management: Context Handling Failures', NULL),
  ('error class', 'malformed output', NULL, NULL, 'validation', NULL, NULL, 'Output Generation: Formatting Errors', 'FAILED-LOGIC'),
  ('error class', 'guardrail or refusal', NULL, NULL, 'behavioural', NULL, NULL, NULL, NULL),
  ('error class', 'tool bug', NULL, NULL, 'validation', 'tool error', NULL, NULL, 'FAILED-TOOL'),
  ('error class', 'unknown', NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS translations (kind, name, tier, failure_mode, failure_class, cause, mast, trail, dead_letter);

-- Every finding with its class in the common vocabularies (see `crosswalk`); NULL where a vocabulary has no word for it.
CREATE VIEW findings_crosswalk (
  -- Number of the finding: its `rowid` in `findings`.
  finding,
  -- Name of the detector.
  detector,
  -- proven, event or candidate.
  tier,
  -- critical, warning or info.
  severity,
  -- Trace it concerns, where it concerns one.
  trace_id,
  -- Agent it concerns.
  agent_name,
  -- When it began (UTC).
  start_time,
  -- What happened, in one sentence.
  summary,
  -- context collapse, cascading error, coordination deadlock, retry storm or context pollution.
  failure_mode,
  -- transient, overflow, validation, behavioural or catastrophic.
  failure_class,
  -- bad instruction, missing context, tool error or hallucination.
  cause,
  -- Failure mode of MAST, number and name.
  mast,
  -- Category of TRAIL.
  trail,
  -- Code of a dead-letter record.
  dead_letter
) AS
SELECT
  findings.rowid, detector, findings.tier, severity, findings.trace_id, findings.agent_name, findings.start_time, summary,
  coalesce(exact.failure_mode, plain.failure_mode), coalesce(exact.failure_class, plain.failure_class), coalesce(exact.cause, plain.cause),
  coalesce(exact.mast, plain.mast), coalesce(exact.trail, plain.trail), coalesce(exact.dead_letter, plain.dead_letter)
FROM findings
LEFT JOIN crosswalk AS plain ON plain.kind = 'detector' AND plain.name = detector AND plain.tier IS NULL
-- Where a tool gave back an ordinary answer although the run below it had failed, a program lost the failure; no model made anything up.
LEFT JOIN spans AS caught ON detector = 'swallowed_error' AND caught.trace_id = findings.trace_id AND caught.span_id = span_ids[2] AND caught.operation_name = 'execute_tool'
LEFT JOIN crosswalk AS exact ON exact.kind = 'detector' AND exact.name = detector AND exact.tier = findings.tier AND caught.span_id IS NULL;

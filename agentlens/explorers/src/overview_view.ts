// What overview.py says about a case: the trait `_view`.

import type { Point } from "./scatter.ts";
import type { Activity, StripTime } from "./strip.ts";

export interface Totals {
  spans: number;
  traces: number;
  conversations: number;
  errors: number;
  model_calls: number;
  tool_calls: number;
  reports: number;
  input_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
  unpriced: number;
  critical: number;
  warning: number;
  info: number;
  checks: number;
  blind: number;
  tokens_an_hour: number | null;
  usd_an_hour: number | null;
  error_rate: number | null;
}

export interface Agent extends Activity {
  agent_name: string;
  is_known: boolean;
  role: string | null;
  model: string | null;
  state: string;
  status: string | null;
  detail: string | null;
  reported_ms: number | null;
  last_ms: number | null;
  calls: number;
  errors: number;
  error_rate: number | null;
  tokens: number;
  cost_usd: number | null;
  critical: number;
  warning: number;
  info: number;
}

export interface Wave {
  wave: number;
  start_ms: number | null;
  end_ms: number | null;
  // Where it begins and ends as drawn, 0 to 1; empty without a time.
  at: number[];
  sent: number;
  reported: number;
  done: string[];
  in_trouble: string[];
  without_report: string[];
  errors: number;
  findings: number;
  what_broke: string[];
  is_first_broken: boolean;
}

export interface Tool {
  tool_name: string | null;
  agents: number;
  calls: number;
  errors: number;
  error_rate: number | null;
  duration_p50_ms: number | null;
  duration_p95_ms: number | null;
  result_bytes: number | null;
  bytes_a_call: number | null;
}

export interface Source {
  path: string;
  name: string;
  format: string;
  records: number;
  accepted: number;
  rejected: number;
  skipped: number;
  orphans: number;
  cycles_cut: number;
  unfinished: number;
  negative_durations: number;
  without_time: number;
  calls_without_usage: number;
  known_missing: string[] | null;
}

export interface Completeness {
  sources: Source[];
  count: number;
  missing: number;
  is_accounted_for: boolean;
  records: number;
  accepted: number;
  rejected: number;
  skipped: number;
  orphans: number;
  unfinished: number;
  cycles_cut: number;
  without_time: number;
}

export interface CaseView {
  totals: Totals;
  time: StripTime;
  agents: Agent[];
  burn: number[];
  waves: Wave[];
  tools: Tool[];
  points: Point[];
  conversations: Record<string, any>[];
  traces: Record<string, any>[];
  completeness: Completeness;
}

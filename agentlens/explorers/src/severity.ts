// Severities and states, each as a sign with a word: never by colour alone.

import { h, icon, type IconName } from "./dom.ts";
import { formatCount, showInline } from "./format.ts";

export const SEVERITIES = ["critical", "warning", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

export function asSeverity(word: string): Severity {
  return (SEVERITIES as readonly string[]).includes(word) ? (word as Severity) : "info";
}

export function severityTag(word: string, count: number | null = null): HTMLElement {
  const severity = asSeverity(word);
  return h("span", { class: `al-severity al-${severity}` }, icon(severity), count === null ? showInline(word) : `${formatCount(count)} ${word}`);
}

// The counts that are not 0, worst first; a quiet dash when all are.
export function severityCounts(counts: Partial<Record<Severity, number>>): HTMLElement {
  const shown = SEVERITIES.filter((severity) => (counts[severity] ?? 0) > 0);
  if (shown.length === 0) return h("span", { class: "al-quiet" }, "–");
  return h("span", { class: "al-severities" }, ...shown.map((severity) =>
    h("span", { class: `al-severity al-${severity}`, title: `${counts[severity]} ${severity}` }, icon(severity, severity), formatCount(counts[severity]!))));
}

const STATES: Record<string, [IconName, string]> = {
  done: ["done", "al-state-done"], trouble: ["blocked", "al-state-trouble"], silent: ["silent", "al-state-trouble"],
  failed: ["error", "al-state-trouble"], "at work": ["work", "al-state-work"], unfinished: ["unfinished", "al-state-work"],
};

// What was last heard of an agent: its own status word where it gave one.
export function stateTag(state: string | null, status: string | null): HTMLElement {
  const [name, style] = STATES[state ?? ""] ?? ["unknown" as IconName, "al-state-none"];
  const word = state === "silent" ? "silent" : (status ?? state ?? "unknown");
  return h("span", { class: `al-state ${style}`, title: state ?? "" }, icon(name), showInline(word));
}

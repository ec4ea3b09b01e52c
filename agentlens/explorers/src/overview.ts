// Overview: the whole case at a glance. Everything is in the trait `_view` (see overview.py); a part that is clicked becomes
// `picked` {kind, key}, and Python (or the report's `_reach`) answers with the spans behind it.

import { copyCellButton } from "./clipboard.ts";
import { completenessBadge } from "./completeness.ts";
import { h, icon, setAttribute, type Child } from "./dom.ts";
import { countOf, formatBytes, formatClock, formatCost, formatCount, formatDate, formatDuration, formatTokens, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import type { CaseView, Source, Wave } from "./overview_view.ts";
import { namePick, Picker } from "./picking.ts";
import { drawScatter } from "./scatter.ts";
import { severityCounts, stateTag } from "./severity.ts";
import { describePeriod, drawStrip, drawStripHead, outline, type Band } from "./strip.ts";
import { SortableTable, type Column, type Value } from "./table.ts";
import { readTheme, watchTheme } from "./theme.ts";

type Row = Record<string, any>;

// A table whose rows are parts to pick.
interface Parts {
  kind: string;
  keys: string[];
  table: SortableTable;
}

class OverviewView {
  private root = h("div", { class: "al-root al-overview", role: "region", "aria-label": "Overview", "data-lm-suppress-shortcuts": "true" });
  private scatter = h("div", { class: "al-scatter-box" });
  private picker: Picker;
  private tables: Parts[] = [];
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    el.append(this.root);
    const onView = () => this.assemble();
    model.on("change:_view", onView);
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    this.cleanups.push(() => model.off("change:_view", onView), () => this.picker.stop(), watchTheme(() => readTheme(this.root)));
    this.assemble();
    requestAnimationFrame(() => {
      readTheme(this.root);
      this.root.dataset["ready"] = "true";
    });
  }

  private get view(): CaseView {
    return this.model.get("_view");
  }

  private assemble(): void {
    const { view } = this;
    this.tables = [];
    this.root.replaceChildren(this.drawHead(), this.drawCards(), this.drawAgents(), ...(view.waves.length ? [this.drawWaves()] : []),
      this.drawTools(), this.drawRuns(), this.drawCompleteness());
    this.markPicked();
  }

  private drawHead(): HTMLElement {
    const { time } = this.view;
    return h("div", { class: "al-toolbar" }, h("strong", { class: "al-chart-title" }, "Overview"), h("span", { class: "al-quiet" }, describePeriod(time)), completenessBadge(this.model), copyCellButton(this.model, this.root));
  }

  private drawCards(): HTMLElement {
    const { totals, agents, burn, time } = this.view;
    const known = agents.filter((agent) => agent.is_known).length;
    // An hour of a few seconds' work says nothing.
    const isLong = time.busy_ms >= 60_000;
    const isMetered = totals.input_tokens !== null || totals.output_tokens !== null;
    const rate = !isLong || !totals.tokens_an_hour ? "" : `${formatTokens(totals.tokens_an_hour)} tokens an hour of work`;
    const money = [!isLong || totals.usd_an_hour === null ? "" : `${formatCost(totals.usd_an_hour)} an hour of work`, totals.unpriced ? `${countOf(totals.unpriced, "call")} unpriced` : ""];
    const errors = totals.error_rate === null ? "" : `${totals.error_rate === 0 ? "0" : (totals.error_rate * 100).toFixed(1)} % of ${formatCount(totals.model_calls + totals.tool_calls)} calls`;
    const found = { critical: totals.critical, warning: totals.warning, info: totals.info };
    return h("div", { class: "al-cards" },
      card("Agents", formatCount(known), `${agents.length > known ? `${formatCount(agents.length - known)} more named · ` : ""}${countOf(totals.traces, "trace")} · ${countOf(totals.spans, "span")}`),
      card("Tokens", formatTokens((totals.input_tokens ?? 0) + (totals.output_tokens ?? 0)) || (isMetered ? "0" : "not logged"), rate, drawBurn(burn, time.buckets)),
      card("Cost", totals.cost_usd === null ? (isMetered ? "unpriced" : "not known") : formatCost(totals.cost_usd), money.filter(Boolean).join(" · ")),
      this.pickCard("errors", "", "Errors", formatCount(totals.errors), errors),
      this.drawFindingsCard(found));
  }

  private pickCard(kind: string, key: string, title: string, value: string, note: string): HTMLElement {
    const element = h("button", { type: "button", class: "al-card", "data-pick": namePick(kind, key), "aria-pressed": "false" }, ...cardParts(title, value, note));
    element.addEventListener("click", () => this.picker.toggle(kind, key));
    return element;
  }

  private drawFindingsCard(found: Record<"critical" | "warning" | "info", number>): HTMLElement {
    const shown = (["critical", "warning", "info"] as const).filter((severity) => found[severity] > 0);
    const buttons = shown.map((severity) => {
      const element = h("button", { type: "button", class: `al-count-button al-severity al-${severity}`, "data-pick": namePick("severity", severity), "aria-pressed": "false" },
        icon(severity), h("b", {}, formatCount(found[severity])), ` ${severity}`);
      element.addEventListener("click", () => this.picker.toggle("severity", severity));
      return element;
    });
    const { checks, blind } = this.view.totals;
    const note = checks === 0 ? "not looked yet: al.detect(lens)" : `${countOf(checks, "check")}${blind ? `, ${formatCount(blind)} could not look` : ""}`;
    const none = h("span", { class: "al-card-value" }, checks === 0 ? "–" : "none");
    return h("div", { class: "al-card" }, h("span", { class: "al-card-title" }, "Findings"), buttons.length ? h("span", { class: "al-card-counts" }, ...buttons) : none, h("span", { class: "al-card-note" }, note));
  }

  private drawAgents(): HTMLElement {
    const { agents, time } = this.view;
    const columns: Column[] = [
      { ...text("agent_name", "agent"), draw: (row) => nameCell(agents[row].agent_name, agents[row].role || agents[row].model) },
      { ...text("state", "last known"), draw: (row) => this.drawState(agents[row]) },
      { ...text("activity", "activity"), unsorted: true, head: drawStripHead(time, this.bands()), draw: (row) => drawStrip(time, agents[row]) },
      number("calls", "calls"), { ...number("errors", "errors"), draw: (row) => errorCell(agents[row]) },
      { name: "tokens", label: "tokens", kind: "tokens" },
      { name: "cost_usd", label: "cost", kind: "usd", missing: "–" },
      { ...number("findings", "findings"), draw: (row) => severityCounts(agents[row]) },
    ];
    const rows = agents.map((agent) => ({ ...agent, activity: null, findings: agent.critical * 1e6 + agent.warning * 1e3 + agent.info }));
    return this.section("Agents", this.table("agent", "Agents", columns, rows, (row) => row["agent_name"]));
  }

  private bands(): Band[] {
    return this.view.waves.map((wave) => ({ label: `wave ${wave.wave}`, at: wave.at }));
  }

  private drawState(agent: Row): HTMLElement {
    const at = agent["reported_ms"] ?? agent["last_ms"];
    const when = at === null ? "" : `${formatDate(at)} ${formatClock(at, 60_000)}`;
    return h("div", { title: showInline(agent["detail"] ?? "") }, stateTag(agent["state"], agent["status"]), h("div", { class: "al-sub" }, when));
  }

  private drawWaves(): HTMLElement {
    const { waves, time } = this.view;
    const columns: Column[] = [
      { name: "wave", label: "wave", kind: "number", draw: (row) => h("b", {}, String(waves[row].wave)) },
      { ...text("at", "dispatch to end"), unsorted: true, head: drawStripHead(time, []), draw: (row) => drawWaveBar(waves[row]) },
      number("sent", "sent"), number("reported", "reported"),
      { ...text("done", "last word"), draw: (row) => drawOutcome(waves[row]) },
      number("errors", "errors"), number("findings", "findings"),
      { ...text("what", "what broke"), draw: (row) => drawBreaks(waves[row]) },
    ];
    const rows = waves.map((wave) => ({ ...wave, at: null, done: wave.done.length, what: wave.what_broke.join(" · ") }));
    return this.section("Waves", this.table("wave", "Waves", columns, rows, (row) => String(row["wave"])));
  }

  private drawTools(): HTMLElement {
    const { tools } = this.view;
    const columns: Column[] = [
      { ...text("tool_name", "tool"), draw: (row) => nameCell(tools[row].tool_name ?? "no name", "") },
      number("calls", "calls"), { ...number("errors", "errors"), draw: (row) => errorCell(tools[row]) }, number("agents", "agents"),
      { name: "duration_p50_ms", label: "median", kind: "ms" }, { name: "duration_p95_ms", label: "95 %", kind: "ms" },
      { ...number("bytes_a_call", "result a call"), draw: (row) => document.createTextNode(tools[row].bytes_a_call === null ? "–" : formatBytes(tools[row].bytes_a_call!)) },
    ];
    if (tools.length === 0) return this.section("Tools", h("p", { class: "al-nothing" }, "No tool was called."));
    return this.section("Tools", h("div", { class: "al-two" }, this.table("tool", "Tools", columns, tools, (row) => row["tool_name"] ?? ""), this.scatter));
  }

  private drawRuns(): HTMLElement {
    const { conversations, traces } = this.view;
    const tokens: Column = { name: "tokens", label: "tokens", kind: "tokens" };
    const spent: Column[] = [{ ...number("agents", "agents") }, number("spans", "spans"), number("errors", "errors"),
      { name: "duration_ms", label: "duration", kind: "ms" }, tokens, { name: "cost_usd", label: "cost", kind: "usd", missing: "–" }];
    const started: Column = { name: "start", label: "started UTC", kind: "time" };
    const dated = (rows: Row[]) => rows.map((row) => ({ ...row, start: row["start_ms"] === null ? null : new Date(row["start_ms"]).toISOString().slice(0, 19) + "Z" }));
    const first = this.table("trace", "Traces", [text("name", "trace"), text("agent", "agent"), started, ...spent], dated(traces), (row) => row["trace_id"]);
    const second = this.table("conversation", "Conversations", [text("conversation_id", "conversation"), text("agent", "agent"), started, ...spent], dated(conversations), (row) => row["conversation_id"]);
    const cut = (rows: Row[], total: number) => (total > rows.length ? `, the latest ${formatCount(rows.length)} here` : "");
    return h("div", {}, fold(`Traces (${formatCount(this.view.totals.traces)}${cut(traces, this.view.totals.traces)})`, traces.length <= 12, first),
      fold(`Conversations (${formatCount(this.view.totals.conversations)}${cut(conversations, this.view.totals.conversations)})`, false, second));
  }

  private drawCompleteness(): HTMLElement {
    const { completeness } = this.view;
    const columns: Column[] = [text("name", "file"), text("format", "format"), number("records", "records"), number("accepted", "accepted"), number("rejected", "rejected"), number("skipped", "skipped"),
      { ...text("lacks", "lacks"), draw: (row) => h("div", { class: "al-lacks" }, describeSource(completeness.sources[row]) || "nothing known") }];
    const rows = completeness.sources.map((source) => ({ ...source, lacks: describeSource(source) }));
    const table = new SortableTable("Sources", () => undefined);
    table.show({ columns, rows: valuesOf(columns, rows) }, -1);
    const sum = `${formatCount(completeness.records)} records = ${formatCount(completeness.accepted)} accepted + ${formatCount(completeness.rejected)} rejected + ${formatCount(completeness.skipped)} skipped`;
    const section = fold(`Sources (${formatCount(completeness.count)}): ${sum}`, false, table.element);
    section.classList.add("al-completeness");
    return section;
  }

  private section(title: string, ...children: Child[]): HTMLElement {
    return h("section", { class: "al-part-section", "aria-label": title }, h("h3", { class: "al-part-title" }, title), ...children);
  }

  private table(kind: string, label: string, all: Column[], rows: Row[], keyOf: (row: Row) => string): HTMLElement {
    const keys = rows.map(keyOf);
    // A column of words that says nothing is left out.
    const columns = all.filter(({ name, kind, draw, head }) => kind !== "text" || draw || head || rows.some((row) => row[name]));
    const table = new SortableTable(label, (row) => this.picker.toggle(kind, keys[row]));
    table.show({ columns, rows: valuesOf(columns, rows) }, -1);
    this.tables.push({ kind, keys, table });
    return table.element;
  }

  private markPicked(): void {
    const { current, touched } = this.picker;
    for (const { kind, keys, table } of this.tables) {
      const belongs = keys.flatMap((key, row) => (touched.has(namePick(kind, key)) ? [row] : []));
      table.pick(current?.kind === kind ? keys.indexOf(current.key) : -1, new Set(belongs));
    }
    for (const element of this.root.querySelectorAll<HTMLElement>("[data-pick]")) {
      setAttribute(element, "aria-pressed", String(current !== null && element.dataset["pick"] === namePick(current.kind, current.key)));
    }
    this.scatter.replaceChildren(drawScatter(this.view.points, current?.kind === "tool" ? current.key : null, (span) => this.picker.toggle("call", span)));
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

function text(name: string, label: string): Column {
  return { name, label, kind: "text" };
}

function number(name: string, label: string): Column {
  return { name, label, kind: "count" };
}

function valuesOf(columns: Column[], rows: Row[]): Value[][] {
  return rows.map((row) => columns.map((column) => row[column.name] ?? null));
}

function cardParts(title: string, value: string, note: string): HTMLElement[] {
  return [h("span", { class: "al-card-title" }, title), h("span", { class: "al-card-value" }, value), h("span", { class: "al-card-note" }, note)];
}

function card(title: string, value: string, note: string, more: Node | null = null): HTMLElement {
  return h("div", { class: "al-card" }, ...cardParts(title, value, note), more);
}

function drawBurn(burn: number[], buckets: number): HTMLElement {
  const most = burn.reduce((a, b) => Math.max(a, b), 0) || 1;
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", outline(burn, (level) => level / most));
  picture.setAttribute("viewBox", `0 0 ${buckets} 20`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.append(path);
  const box = h("span", { class: "al-burn", role: "img", "aria-label": "Tokens over time" });
  box.append(picture);
  return box;
}

function fold(title: string, open: boolean, content: HTMLElement): HTMLDetailsElement {
  return h("details", { class: "al-fold", open }, h("summary", {}, title), content);
}

function nameCell(name: string, sub: string | null): HTMLElement {
  return h("div", { class: "al-name-cell" }, h("b", {}, showInline(name)), sub ? h("div", { class: "al-sub" }, showInline(sub)) : null);
}

function errorCell(row: { errors: number; error_rate: number | null }): HTMLElement {
  if (!row.errors) return h("span", { class: "al-quiet" }, "–");
  const rate = row.error_rate === null ? "" : `${(row.error_rate * 100).toFixed(row.error_rate < 0.0995 ? 1 : 0)} %`;
  return h("span", { class: "al-error-cell" }, icon("error"), formatCount(row.errors), h("span", { class: "al-sub-inline" }, rate));
}

function drawWaveBar(wave: Wave): HTMLElement {
  const words = wave.start_ms === null || wave.end_ms === null ? "no time" : `${formatDate(wave.start_ms)} ${formatClock(wave.start_ms, 60_000)} – ${formatClock(wave.end_ms, 60_000)}, ${formatDuration(wave.end_ms - wave.start_ms)}`;
  const bar = h("span", { class: `al-wave-bar${wave.what_broke.length ? " al-wave-broken" : ""}` });
  const [from, to] = wave.at.length === 2 ? wave.at : [0, 0];
  bar.style.left = `${(from * 100).toFixed(2)}%`;
  bar.style.width = `${Math.max(0.5, (to - from) * 100).toFixed(2)}%`;
  const length = h("span", { class: "al-wave-length" }, wave.start_ms === null || wave.end_ms === null ? "" : formatDuration(wave.end_ms - wave.start_ms));
  length.style.left = `${(from * 100).toFixed(2)}%`;
  return h("div", { class: "al-strip", role: "img", "aria-label": words, title: words }, bar, length);
}

function drawOutcome(wave: Wave): HTMLElement {
  const parts = [
    wave.done.length ? h("span", { class: "al-state al-state-done", title: wave.done.map(showInline).join(", ") }, icon("done"), `${formatCount(wave.done.length)} done`) : null,
    wave.in_trouble.length ? h("span", { class: "al-state al-state-trouble", title: wave.in_trouble.map(showInline).join(", ") }, icon("blocked"), `${formatCount(wave.in_trouble.length)} in trouble`) : null,
    wave.without_report.length ? h("span", { class: "al-state al-state-trouble", title: wave.without_report.map(showInline).join(", ") }, icon("silent"), `${formatCount(wave.without_report.length)} silent`) : null,
  ];
  return h("div", { class: "al-outcomes" }, ...parts);
}

function drawBreaks(wave: Wave): HTMLElement {
  const what = wave.what_broke.map(showInline).join(" · ");
  const first = wave.is_first_broken ? h("span", { class: "al-tag al-critical" }, "first to break") : null;
  return h("div", { class: "al-breaks", title: what }, first, what || h("span", { class: "al-quiet" }, wave.findings ? "nothing by the reports" : "–"));
}

const LACKS: [keyof Source, string][] = [
  ["rejected", "rejected"], ["orphans", "orphans"], ["cycles_cut", "cycles cut"], ["unfinished", "unfinished"], ["negative_durations", "ending before they begin"],
  ["without_time", "without a time"], ["calls_without_usage", "calls without usage"],
];

function describeSource(source: Source): string {
  const counted = LACKS.filter(([name]) => (source[name] as number) > 0).map(([name, words]) => `${formatCount(source[name] as number)} ${words}`);
  return [...counted, ...(source.known_missing ?? []).map(showInline)].join(" · ");
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new OverviewView(model, el);
  return () => view.destroy();
}

export default { render };

// Drift: what changed and since when, the releases of every agent, and the course of one measure for each agent.
//
// Traits: _view (Python to page, see DriftView below), _choice {measure, dimension} (both ways) and picked {kind, key}: "change" with its number,
// "before" and "after" (the tasks on one side of it) with the same, "release" with its number, or "point" with "<agent>|<tool, model or operation>|<time>".

import { copyCellButton } from "./clipboard.ts";
import { h, icon, select, setAttribute, svg } from "./dom.ts";
import { countOf, formatClock, formatCost, formatCount, formatDate, formatDuration, formatTokens, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { stand, walkByArrows } from "./part_list.ts";
import { Picker } from "./picking.ts";

type Point = [time: number, n: number, value: number | null, low: number | null, high: number | null];

type Dimension = "agent" | "tool" | "model" | "operation";

interface Series {
  dimension: Dimension;
  member: string | null;
  agent: string | null;
  measure: string;
  tool: string | null;
  points: Point[];
}

interface Change {
  key: string;
  dimension: Dimension;
  member: string | null;
  subject: string;
  agent_name: string | null;
  measure: string;
  tool_name: string | null;
  verdict: "step" | "slope" | "workload";
  at: number;
  earliest: number;
  latest: number;
  explanation: string;
  q_value: number | null;
  value_before: number;
  value_after: number;
  shown_before: number;
  shown_after: number;
}

interface Part {
  kind: string;
  value_before: string;
  value: string;
  share: number;
  removed: string[] | null;
  added: string[] | null;
}

interface Release {
  agent_name: string;
  at: number;
  parts: Part[];
}

interface Version {
  agent_name: string;
  measure: string;
  tool_name: string | null;
  version: string;
  n: number;
  value: number;
}

interface View {
  by: string;
  unit: string;
  from: number | null;
  to: number | null;
  agents: string[];
  measures: Record<string, { label: string; unit: string }>;
  series: Series[];
  versions: Version[];
  baselines: Version[];
  changes: Change[];
  releases: Release[];
  notes: string[];
}

const PANEL = { width: 276, height: 92, left: 44, right: 8, top: 6, bottom: 16 };
const LANE = 20;
const WIDE = 1000;
const DIMENSIONS: Record<Dimension, string> = { agent: "agent", tool: "tool", model: "model", operation: "operation" };
const VERDICTS = { step: "changed", slope: "drifts", workload: "other work" } as const;

export function formatMeasure(value: number, unit: string): string {
  if (unit === "s") return formatDuration(value * 1000);
  if (unit === "%") return `${Number((100 * value).toPrecision(3))} %`;
  if (unit === "USD") return formatCost(value);
  return Math.abs(value) >= 1000 ? formatTokens(Math.round(value)) : String(Number(value.toPrecision(3)));
}

const YEAR = 365 * 86_400_000;

// A moment on an axis so long (ms): the clock, the day, or over a year the day with its year.
export function formatAxis(time: number, length: number): string {
  return formatClock(time, length > YEAR ? 20 * 86_400_000 : length > 172_800_000 ? 86_400_000 : 60_000);
}

// The stretches of a course without a gap, as lists of points that have a value.
export function stretches(points: Point[]): Point[][] {
  const found: Point[][] = [[]];
  for (const point of points) {
    if (point[2] === null) found.push([]);
    else found[found.length - 1]!.push(point);
  }
  return found.filter((stretch) => stretch.length > 0);
}

class DriftView {
  private root = h("div", { class: "al-root al-drift", "data-lm-suppress-shortcuts": "true" });
  private legend = h("h3", { class: "al-drift-legend" });
  private panels = h("div", { class: "al-drift-panels", role: "group", "aria-label": "Courses" });
  private details = h("div", { class: "al-drift-details", role: "region", "aria-label": "Release", hidden: true });
  private select: HTMLSelectElement | null = null;
  private by: HTMLSelectElement | null = null;
  private picker: Picker;
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    el.append(this.root);
    const { changes, releases, notes } = this.view;
    this.root.append(this.makeToolbar(), this.makeChanges(changes), releases.length ? this.makeTimeline() : h("span", { hidden: true }), this.details,
      this.legend, this.panels, notes.length ? h("div", { class: "al-foot" }, h("ul", { class: "al-notes" }, ...notes.map((note) => h("li", {}, note)))) : h("span", { hidden: true }));
    walkByArrows(this.root, ".al-drift-change");
    const onChoice = () => this.showPanels();
    model.on("change:_choice", onChoice);
    this.showPanels();
    this.cleanups.push(() => model.off("change:_choice", onChoice), () => this.picker.stop(), stand(this.root));
  }

  private get view(): View {
    return this.model.get("_view");
  }

  private get measure(): string {
    const chosen = this.model.get("_choice")?.measure;
    return this.view.measures[chosen] ? chosen : Object.keys(this.view.measures)[0]!;
  }

  private get dimension(): Dimension {
    return this.model.get("_choice")?.dimension ?? "agent";
  }

  private choose(choice: { measure?: string; dimension?: Dimension }): void {
    this.model.set("_choice", { ...this.model.get("_choice"), ...choice });
    this.model.save_changes();
    this.showPanels();
  }

  private makeToolbar(): HTMLElement {
    const { measures, series, changes } = this.view;
    const known = Object.entries(measures).filter(([name]) => series.some((one) => one.measure === name));
    const changed = (name: string) => changes.filter((change) => change.measure === name && change.verdict !== "workload").length;
    const dimensions = (Object.keys(DIMENSIONS) as Dimension[]).filter((name) => series.some((one) => one.dimension === name));
    this.by = select("Courses of", dimensions.map((name): [string, string] => [name, DIMENSIONS[name]]), (value) => this.choose({ dimension: value as Dimension }));
    this.select = select("Measure", known.map(([name, { label }]): [string, string] => [name, changed(name) ? `${label} (${changed(name)} changed)` : label]), (value) => this.choose({ measure: value }));
    const own = changes.filter((change) => change.verdict !== "workload").length;
    return h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Drift controls" }, h("strong", { class: "al-chart-title" }, "Drift"),
      h("span", {}, `${countOf(own, "change")} of behaviour`), changes.length > own ? h("span", { class: "al-quiet" }, `${formatCount(changes.length - own)} from other work`) : null,
      h("span", { class: "al-field" }, h("span", { class: "al-field-label", "aria-hidden": "true" }, "course of"), this.select, dimensions.length > 1 ? h("span", { class: "al-field-label", "aria-hidden": "true" }, "by") : null, dimensions.length > 1 ? this.by : null), copyCellButton(this.model, this.root));
  }

  // --- changes -------------------------------------------------------------------------------------------------------

  private makeChanges(changes: Change[]): HTMLElement {
    if (changes.length === 0) return h("p", { class: "al-nothing" }, "Nothing changed that chance does not explain.");
    const subjects = [...new Set(changes.map((change) => change.subject))];
    return h("div", { class: "al-drift-changes", role: "group", "aria-label": "Changes" }, ...subjects.map((subject) => this.drawSubject(subject, changes.filter((change) => change.subject === subject))));
  }

  private drawSubject(subject: string, changes: Change[]): HTMLElement {
    const drawn = changes.map((change) => this.drawChange(change));
    const rest = drawn.length > 2 ? h("details", {}, h("summary", { class: "al-quiet" }, `${drawn.length - 2} more of ${showInline(subject)}`), ...drawn.slice(2)) : null;
    return h("section", { "aria-label": showInline(subject) }, ...drawn.slice(0, 2), rest);
  }

  private drawChange(change: Change): HTMLElement {
    const certainty = change.verdict === "workload" || change.q_value === null ? "" : change.q_value < 0.001 ? "q < 0.001" : `q = ${change.q_value.toPrecision(1)}`;
    const element = h("button", { type: "button", class: `al-drift-change al-drift-${change.verdict}`, "data-key": change.key, "aria-pressed": "false" },
      icon(change.verdict === "workload" ? "info" : "warning"), h("strong", { class: "al-drift-verdict" }, VERDICTS[change.verdict]),
      h("span", { class: "al-drift-words" }, showInline(change.explanation)), h("span", { class: "al-quiet al-drift-q" }, certainty));
    element.addEventListener("click", () => {
      if (!this.picker.is("change", change.key)) this.choose({ measure: change.measure, dimension: change.dimension });
      this.pick("change", change.key);
    });
    return element;
  }

  // --- releases ------------------------------------------------------------------------------------------------------

  private place(time: number, width: number, left = 0): number {
    const { from, to } = this.view;
    if (from === null || to === null || to <= from) return left + width / 2;
    return left + ((time - from) / (to - from)) * width;
  }

  private makeTimeline(): HTMLElement {
    const { agents, releases, changes } = this.view;
    const lanes = agents.filter((agent) => releases.some((release) => release.agent_name === agent) || changes.some((change) => change.agent_name === agent));
    const left = 120, width = WIDE - left - 12, height = lanes.length * LANE + 18;
    const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${height}`, class: "al-drift-timeline", role: "group", "aria-label": "Releases and changes of every agent" });
    for (const tick of this.ticks(8)) {
      const x = this.place(tick, width, left);
      drawing.append(svg("line", { x1: x, x2: x, y1: 0, y2: height - 16, class: "al-drift-grid" }), svg("text", { x, y: height - 4, class: "al-drift-axis", "text-anchor": "middle" }, this.clock(tick)));
    }
    lanes.forEach((agent, lane) => drawing.append(this.drawLane(agent, lane * LANE, left, width)));
    return h("section", { class: "al-drift-releases" }, h("h3", {}, "Releases", h("span", { class: "al-quiet" }, ` ${this.period()} · ◆ released · ▮ changed, with the interval of its date · ━ drifts · grey: other work`)), drawing);
  }

  private drawLane(agent: string, y: number, left: number, width: number): SVGGElement {
    const { releases, changes } = this.view;
    const middle = y + LANE / 2;
    const lane = svg("g", {}, svg("text", { x: left - 8, y: middle + 4, class: "al-drift-agent", "text-anchor": "end" }, showInline(agent).slice(0, 18)),
      svg("line", { x1: left, x2: left + width, y1: middle, y2: middle, class: "al-drift-grid" }));
    for (const change of changes.filter((one) => one.agent_name === agent)) {
      const [from, to] = [this.place(change.earliest, width, left), this.place(change.latest, width, left)];
      const inset = change.verdict === "slope" ? 8 : 4;
      lane.append(svg("rect", { x: from, width: Math.max(3, to - from), y: y + inset, height: LANE - 2 * inset, rx: 2, class: `al-drift-when al-drift-when-${change.verdict}` }, svg("title", {}, showInline(change.explanation))));
    }
    releases.forEach((release, number) => {
      if (release.agent_name !== agent) return;
      const x = this.place(release.at, width, left);
      const mark = svg("path", { d: `M${x} ${middle - 6}l6 6l-6 6l-6 -6z`, class: "al-drift-release", "data-key": number, tabindex: 0, role: "button", "aria-pressed": "false", "aria-label": `${showInline(agent)}: ${describeRelease(release)}` },
        svg("title", {}, `${describeRelease(release)} · ${this.clock(release.at, 60_000)} UTC`));
      mark.addEventListener("click", () => this.pick("release", String(number)));
      mark.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") this.pick("release", String(number));
      });
      lane.append(mark);
    });
    return lane;
  }

  // The tasks on either side of a change, each a click away.
  private showChange(key: string): void {
    const change = this.view.changes.find((one) => one.key === key);
    if (!change) return;
    const what = unitOf(change.measure);
    const side = (kind: "change" | "before" | "after", count: number, label: string) => {
      if (!count) return null;
      const element = h("button", { type: "button", class: "al-button al-drift-side", "data-key": key, "aria-pressed": String(this.picker.is(kind, key)) }, label);
      element.addEventListener("click", () => this.picker.is(kind, key) || this.pick(kind, key));
      return element;
    };
    this.details.setAttribute("aria-label", "Change");
    this.details.replaceChildren(h("h4", {}, `${showInline(change.subject)}, ${this.view.measures[change.measure]!.label}`), h("div", { class: "al-drift-sides" }, h("span", { class: "al-quiet" }, "selected"),
      side("change", change.shown_before + change.shown_after, "both sides"), side("before", change.shown_before, `last ${countOf(change.shown_before, what)} before`), side("after", change.shown_after, `first ${countOf(change.shown_after, what)} after`)));
    this.details.hidden = false;
  }

  private showRelease(number: number): void {
    const release = this.view.releases[number];
    if (!release) return;
    this.details.setAttribute("aria-label", "Release");
    this.details.hidden = false;
    this.details.replaceChildren(h("h4", {}, `${showInline(release.agent_name ?? "")}, ${formatDate(release.at)} ${formatClock(release.at, 60_000)} UTC`), ...release.parts.map((part) => h("div", {},
      h("strong", {}, part.kind.replace("_", " ")), ` ${showInline(part.value_before)} → ${showInline(part.value)}`, part.share < 0.95 ? h("span", { class: "al-quiet" }, ` on ${Math.round(100 * part.share)} % of calls`) : null,
      part.removed?.length || part.added?.length ? h("div", { class: "al-drift-diff" }, ...(part.removed ?? []).map((line) => h("div", { class: "al-drift-gone" }, `− ${showInline(line)}`)),
        ...(part.added ?? []).map((line) => h("div", { class: "al-drift-new" }, `+ ${showInline(line)}`))) : null)));
  }

  // --- courses -------------------------------------------------------------------------------------------------------

  private ticks(most: number): number[] {
    const { from, to } = this.view;
    if (from === null || to === null) return [];
    if (to <= from) return [from];
    const steps = [60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000, 172_800_000, 604_800_000, 2_592_000_000];
    const step = steps.find((one) => (to - from) / one <= most) ?? (to - from) / most;
    const found = [];
    for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) found.push(tick);
    return found;
  }

  // From which day to which: axes say the day without its year.
  private period(): string {
    const { from, to } = this.view;
    if (from === null || to === null) return "";
    return formatDate(from) === formatDate(to) ? `${formatDate(from)} UTC` : `${formatDate(from)} to ${formatDate(to)} UTC`;
  }

  private get isLong(): boolean {
    return (this.view.to ?? 0) - (this.view.from ?? 0) > YEAR;
  }

  private clock(time: number, step = 0): string {
    if (step) return `${formatDate(time)} ${formatClock(time, step)}`;
    return formatAxis(time, (this.view.to ?? 0) - (this.view.from ?? 0));
  }

  private showPanels(): void {
    if (this.select) this.select.value = this.measure;
    if (this.by) this.by.value = this.dimension;
    const shown = this.view.series.filter((one) => one.measure === this.measure && one.dimension === this.dimension);
    const rank = (one: Series) => Math.max(0, ...this.changesOf(one).map((change) => (change.verdict === "workload" ? 1 : 2)));
    shown.sort((a, b) => rank(b) - rank(a));
    this.panels.replaceChildren(...shown.map((one) => this.drawPanel(one)));
    this.legend.replaceChildren(...this.explainPanels(shown));
    if (shown.length === 0) this.panels.append(h("p", { class: "al-nothing" }, this.dimension === "agent" ? "The log says nothing about this measure." : `This is no measure of a ${this.dimension}; choose one of calls, or the course by agent.`));
    this.markPicked();
  }

  private changesOf(series: Series): Change[] {
    const isOf = (change: Change) => series.dimension === "agent" ? change.agent_name === series.agent && change.tool_name === series.tool : change.member === series.member;
    return this.view.changes.filter((change) => change.dimension === series.dimension && change.measure === series.measure && isOf(change));
  }

  private drawPanel(series: Series): HTMLElement {
    const { width, height, left, right, top, bottom } = PANEL;
    const unit = this.view.measures[series.measure]!.unit;
    const baseline = this.view.baselines.find((one) => one.agent_name === series.agent && one.measure === series.measure && one.tool_name === series.tool);
    const highest = Math.max(...series.points.map((point) => point[4] ?? point[2] ?? 0), baseline?.value ?? 0) || 1;
    const y = (value: number) => height - bottom - (Math.min(value, highest) / highest) * (height - top - bottom);
    const x = (time: number) => this.place(time, width - left - right, left);
    const name = series.member ?? (series.tool ? `${series.agent} · ${series.tool}` : series.agent ?? "");
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${showInline(name)}: ${this.view.measures[series.measure]!.label} over time` });
    for (const value of [0, highest]) {
      drawing.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "al-drift-grid" }), svg("text", { x: left - 5, y: y(value) + (value ? 8 : 0), class: "al-drift-axis", "text-anchor": "end" }, value ? formatMeasure(value, unit) : "0"));
    }
    for (const tick of this.ticks(this.isLong ? 3 : 4)) drawing.append(svg("text", { x: x(tick), y: height - 3, class: "al-drift-axis", "text-anchor": x(tick) > width - 28 ? "end" : "middle" }, this.clock(tick)));
    drawing.append(...this.drawMarks(series, x), ...this.drawCourse(series, x, y, unit));
    for (const slope of this.changesOf(series).filter((change) => change.verdict === "slope")) {
      drawing.append(svg("line", { x1: x(slope.earliest), x2: x(slope.latest), y1: y(Math.max(0, slope.value_before)), y2: y(Math.max(0, slope.value_after)), class: "al-drift-slope-line" }, svg("title", {}, showInline(slope.explanation))));
    }
    if (baseline) drawing.append(svg("line", { x1: left, x2: width - right, y1: y(baseline.value), y2: y(baseline.value), class: "al-drift-baseline" }, svg("title", {}, `baseline ${formatMeasure(baseline.value, unit)}`)));
    const total = series.points.reduce((sum, point) => sum + point[1], 0);
    return h("figure", { class: "al-drift-panel" }, h("figcaption", {}, h("strong", {}, showInline(name)), h("span", { class: "al-quiet" }, ` ${countOf(total, unitOf(series.measure))}`)), drawing, this.drawVersions(series, unit));
  }

  // What dots, bands and lines stand for, of those that are drawn.
  private explainPanels(shown: Series[]): Node[] {
    if (shown.length === 0) return [];
    const { label, unit } = this.view.measures[this.measure]!;
    const points = shown.flatMap((one) => one.points);
    const owners = new Set(shown.map((one) => one.agent));
    const value = `${unit === "%" ? "share" : "median"} a ${this.view.unit}`;
    const said = points.some(([, , , low]) => low !== null) ? [`● ${value}, band: its 95 % interval`] : [];
    if (points.some(([, , course, low]) => course !== null && low === null)) said.push(said.length ? "○ too few for an interval" : `○ ${value}, too few for an interval`);
    if (this.view.releases.some((release) => owners.has(release.agent_name))) said.push("┊ released");
    if (shown.some((one) => this.changesOf(one).length)) said.push("▮ changed, grey: other work");
    if (shown.some((one) => this.versionsOf(one).length > 1)) said.push(`below: ${unit === "%" ? "share" : "median"} by ${this.view.by}`);
    return [h("strong", {}, label.charAt(0).toUpperCase() + label.slice(1)), h("span", { class: "al-quiet" }, ` ${this.view.releases.length ? "" : `${this.period()} · `}${said.join(" · ")}`)];
  }

  private drawMarks(series: Series, x: (time: number) => number): SVGElement[] {
    const { height, bottom, top } = PANEL;
    const marks: SVGElement[] = [];
    for (const release of this.view.releases) {
      if (release.agent_name !== series.agent) continue;
      marks.push(svg("line", { x1: x(release.at), x2: x(release.at), y1: top, y2: height - bottom, class: "al-drift-released" }, svg("title", {}, describeRelease(release))));
    }
    for (const change of this.changesOf(series)) {
      if (change.verdict === "slope") continue;
      const [from, to] = [x(change.earliest), x(change.latest)];
      const mark = svg("rect", { x: from, y: top, width: Math.max(2, to - from), height: height - top - bottom, class: `al-drift-mark al-drift-${change.verdict}`, "data-key": change.key }, svg("title", {}, showInline(change.explanation)));
      mark.addEventListener("click", () => this.pick("change", change.key));
      marks.push(mark);
    }
    return marks;
  }

  private drawCourse(series: Series, x: (time: number) => number, y: (value: number) => number, unit: string): SVGElement[] {
    const half = UNIT_MS[this.view.unit] ? UNIT_MS[this.view.unit]! / 2 : 0;
    const at = (point: Point) => x(Math.min(Math.max(point[0] + half, this.view.from ?? 0), this.view.to ?? Infinity));
    const drawn: SVGElement[] = [];
    for (const stretch of stretches(series.points)) {
      const banded = stretch.filter((point) => point[3] !== null && point[4] !== null);
      if (banded.length > 1) {
        const upper = banded.map((point) => `${at(point)},${y(point[4]!)}`), lower = banded.map((point) => `${at(point)},${y(point[3]!)}`).reverse();
        drawn.push(svg("polygon", { points: [...upper, ...lower].join(" "), class: "al-drift-band" }));
      }
      drawn.push(svg("polyline", { points: stretch.map((point) => `${at(point)},${y(point[2]!)}`).join(" "), class: "al-drift-line" }));
      for (const point of stretch) drawn.push(this.drawPoint(series, point, at(point), y(point[2]!), unit));
    }
    return drawn;
  }

  private drawPoint(series: Series, point: Point, x: number, y: number, unit: string): SVGElement {
    const [time, n, value, low, high] = point;
    const interval = low === null || high === null ? "too few for an interval" : `95 %: ${formatMeasure(low, unit)} to ${formatMeasure(high, unit)}`;
    const key = `${series.agent ?? ""}|${series.member ?? series.tool ?? ""}|${time}`;
    const dot = svg("circle", { cx: x, cy: y, r: low === null ? 1.8 : 2.6, class: low === null ? "al-drift-dot al-drift-sparse" : "al-drift-dot", "data-key": key },
      svg("title", {}, `${formatDate(time)} ${this.view.unit === "day" ? "" : formatClock(time, 60_000)}: ${formatMeasure(value!, unit)}, ${n} observed, ${interval}`));
    if (!this.model.get("_reach")) dot.addEventListener("click", () => this.pick("point", key));
    return dot;
  }

  private versionsOf(series: Series): Version[] {
    return this.view.versions.filter((one) => one.agent_name === series.agent && one.measure === series.measure && one.tool_name === series.tool);
  }

  private drawVersions(series: Series, unit: string): HTMLElement | null {
    const versions = this.versionsOf(series);
    if (versions.length < 2) return null;
    return h("div", { class: "al-drift-versions" }, ...versions.slice(0, 6).map((one) => h("span", { title: `${one.n} observed` }, h("span", { class: "al-quiet" }, `${showInline(one.version)} `), formatMeasure(one.value, unit))));
  }

  // --- what is picked --------------------------------------------------------------------------------------------------

  private pick(kind: string, key: string): void {
    this.picker.toggle(kind, key);
    this.markPicked();
  }

  private markPicked(): void {
    for (const [selector, kind] of [[".al-drift-change", "change"], [".al-drift-mark", "change"], [".al-drift-release", "release"], [".al-drift-dot", "point"]] as const) {
      for (const element of this.root.querySelectorAll<HTMLElement | SVGElement>(selector)) {
        const is = this.picker.is(kind, element.dataset["key"]!);
        element.classList.toggle("al-selected", is);
        if (element.hasAttribute("aria-pressed")) setAttribute(element, "aria-pressed", String(is));
      }
    }
    const { current } = this.picker;
    this.details.hidden = true;
    if (current?.kind === "release") this.showRelease(Number(current.key));
    else if (current && ["change", "before", "after"].includes(current.kind)) this.showChange(current.key);
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

// What a measure is taken of.
export function unitOf(measure: string): "task" | "call" | "pause" {
  return measure.startsWith("task_") ? "task" : measure.startsWith("heartbeat_") ? "pause" : "call";
}

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 };

export function describeRelease(release: Release): string {
  return release.parts.map((part) => `${part.kind.replace("_", " ")} ${showInline(part.value_before)} → ${showInline(part.value)}`).join(", ");
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new DriftView(model, el);
  return () => view.destroy();
}

export default { render };

// The controls above the tree, and the line below it. They call `Commands` and are told the state by `sync`.

import { button, h, icon, select, setAttribute, type IconName } from "./dom.ts";
import { FLAG } from "./columns.ts";
import { formatCount, formatDuration, showInline } from "./format.ts";
import type { ColourMode, Legend } from "./palette.ts";
import type { Mode, TreeState, Weight } from "./tree_state.ts";

export interface Commands {
  setMode(mode: Mode): void;
  setTrace(at: number): void;
  setColour(mode: ColourMode): void;
  setWeight(weight: Weight): void;
  setAxis(axis: Weight): void;
  setSorted(sorted: boolean): void;
  setOnlyCritical(only: boolean): void;
  searchTexts(): void;
  searchWhere(condition: string): void;
  setDepth(depth: number): void;
  setPlumbing(shown: boolean): void;
  setSkipIdle(skip: boolean): void;
  search(query: string): void;
  stepHit(direction: 1 | -1): void;
  zoom(factor: number): void;
  fit(): void;
  toggleHelp(): void;
  focusView(): void;
}

const WEIGHTS: [Weight, string][] = [["time", "Duration"], ["tokens", "Tokens"], ["cost", "Cost"]];
const AXES: [Weight, string][] = [["time", "Time"], ["tokens", "Tokens"], ["cost", "Cost"]];
const COLOURS: [ColourMode, string][] = [["operation", "Operation"], ["agent", "Agent"], ["model", "Model"], ["status", "Status"]];

const NAMES = "Search names, agents, tools, models";
const CONDITION = "A condition, then Enter: input_tokens > 5000 AND tool_name = 'Bash'";

function labelled(text: string, control: HTMLElement): HTMLElement {
  return h("span", { class: "al-field" }, h("span", { class: "al-field-label", "aria-hidden": "true" }, text), control);
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  private count = h("span", { class: "al-count", role: "status", "aria-label": "Search matches" });
  private found = -1;
  private modes: Record<Mode, HTMLButtonElement>;
  private trace: HTMLSelectElement;
  private colour: HTMLSelectElement;
  private axis: HTMLSelectElement;
  private steps: HTMLButtonElement[];
  private texts: HTMLButtonElement;
  private sql: HTMLButtonElement;
  // What a search of texts or a condition has to say beside the count.
  private note = "";

  constructor(state: TreeState, commands: Commands, ...corner: HTMLElement[]) {
    this.modes = {
      tree: button("Tree: one row a span", "Tree", () => commands.setMode("tree"), { "aria-label": "Tree" }),
      lanes: button("Lanes: one block an agent", "Lanes", () => commands.setMode("lanes"), { "aria-label": "Lanes" }),
    };
    this.trace = select("Trace", traceOptions(state), (value) => commands.setTrace(Number(value)));
    this.colour = select("Colour by", COLOURS, (value) => commands.setColour(value as ColourMode));
    this.axis = select("Length of the bars", AXES, (value) => commands.setAxis(value as Weight));
    this.search = this.makeSearch(commands);
    this.sql = button("Search by an SQL condition over the columns of `spans`", "SQL", () => this.setSql(!this.isSql, commands), { class: "al-button al-sql", "aria-label": "SQL condition", "aria-pressed": "false" });
    this.steps = [button("Previous match (Shift+Enter)", icon("up"), () => commands.stepHit(-1)),
      button("Next match (Enter)", icon("down"), () => commands.stepHit(1))];
    this.texts = button("Search messages, arguments and results too (Ctrl+Enter)", icon("text"), () => commands.searchTexts(), { "aria-label": "Search texts too" });
    this.element = h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Trace tree controls" },
      h("span", { class: "al-segments", role: "group", "aria-label": "Mode" }, this.modes.tree, this.modes.lanes),
      state.header.traces.length > 1 && labelled("Trace", this.trace), labelled("Colour", this.colour), labelled("Length", this.axis),
      h("span", { class: "al-search" }, icon("search"), this.sql, this.search, this.count, this.texts, ...this.steps),
      h("span", { class: "al-segments", role: "group", "aria-label": "Zoom" },
        button("Zoom out (−)", icon("minus"), () => commands.zoom(1.6)), button("Show all (f)", icon("fit"), () => commands.fit()),
        button("Zoom in (+)", icon("plus"), () => commands.zoom(1 / 1.6))),
      ...corner, button("Keyboard help (?)", icon("help"), () => commands.toggleHelp()));
    this.sync(state);
  }

  private makeSearch(commands: Commands): HTMLInputElement {
    const input = h("input", { type: "search", "aria-label": "Search spans", placeholder: NAMES, spellcheck: "false", autocomplete: "off" });
    input.addEventListener("input", () => {
      this.asked = "";
      if (!this.isSql || input.value === "") commands.search(this.isSql ? "" : input.value);
    });
    input.addEventListener("keydown", (event) => {
      if (this.isSql && event.key === "Enter" && this.asked !== input.value) this.askWhere(commands);
      else if (event.key === "Enter" && !this.isSql && (event.ctrlKey || event.metaKey || this.found === 0)) commands.searchTexts();
      else if (event.key === "Enter") commands.stepHit(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.leaveSearch(commands);
      else return;
      event.preventDefault();
    });
    return input;
  }

  get isSql(): boolean {
    return this.sql.getAttribute("aria-pressed") === "true";
  }

  // The condition that was asked about last: Enter asks about a new one, and steps through what an old one matched.
  private asked = "";

  private askWhere(commands: Commands): void {
    this.asked = this.search.value;
    if (this.asked.trim()) commands.searchWhere(this.asked);
  }

  private setSql(on: boolean, commands: Commands): void {
    setAttribute(this.sql, "aria-pressed", String(on));
    this.search.value = this.asked = "";
    this.search.placeholder = on ? CONDITION : NAMES;
    setAttribute(this.search, "aria-label", on ? "SQL condition over spans" : "Search spans");
    commands.search("");
    this.search.focus();
  }

  private leaveSearch(commands: Commands): void {
    if (this.search.value) {
      this.search.value = this.asked = "";
      commands.search("");
    } else commands.focusView();
  }

  // Says what a search of texts is about; "" when it is over.
  say(sentence: string, isError = false): void {
    this.count.textContent = this.count.title = sentence;
    this.count.classList.toggle("al-empty-count", isError);
  }

  // Says it beside the count, until the search changes.
  remark(note: string): void {
    this.note = note;
  }

  sync(state: TreeState): void {
    setAttribute(this.modes.tree, "aria-pressed", String(state.mode === "tree"));
    setAttribute(this.modes.lanes, "aria-pressed", String(state.mode === "lanes"));
    this.colour.value = state.colourMode;
    this.axis.value = state.axis;
    const { hits } = state;
    for (const step of this.steps) step.hidden = hits === null;
    this.texts.hidden = state.query.trim() === "";
    if (!hits) this.note = "";
    this.found = hits === null ? -1 : hits.list.length;
    this.count.title = this.note;
    this.count.classList.toggle("al-empty-count", hits !== null && hits.list.length === 0);
    if (!hits) {
      this.count.textContent = "";
      return;
    }
    const at = hits.list.indexOf(state.selected);
    const total = formatCount(hits.list.length);
    const words = hits.list.length === 0 ? "no match" : at >= 0 ? `${formatCount(at + 1)} of ${total}` : `${total} ${hits.list.length === 1 ? "match" : "matches"}`;
    this.count.textContent = this.note ? `${words} ${this.note}` : words;
  }

  showTrace(at: number): void {
    this.trace.value = String(at);
  }
}

function traceOptions(state: TreeState): [string, string][] {
  const { traces, trace_count } = state.header;
  const options = traces.map((trace, at): [string, string] => [String(at), showInline(trace.label || trace.trace_id).slice(0, 80)]);
  if (traces.length === 1) return options;
  const all: [string, string] = ["-1", `All ${formatCount(trace_count)} traces`];
  const rest: [string, string][] = trace_count > traces.length ? [["-1", `… and ${formatCount(trace_count - traces.length)} more, in the tree`]] : [];
  return [all, ...options, ...rest];
}

// The heads of the label column: what is folded, and what the numbers are.
export class ColumnHead {
  readonly element: HTMLElement;
  private plumbing = h("input", { type: "checkbox" });
  private plumbingText = h("span", { class: "al-amount" });
  private plumbingLabel: HTMLElement;
  private idle = h("input", { type: "checkbox" });
  private idleText = h("span", { class: "al-amount" });
  private idleLabel = h("label", { class: "al-check" }, this.idle, "Skip idle", this.idleText);
  private weight: HTMLSelectElement;
  private sort: HTMLButtonElement;
  private titles = h("span", { class: "al-head-name" }, "Span");
  private agentTitle = h("span", { class: "al-agent" }, "Agent");
  private depth: HTMLSelectElement;

  constructor(state: TreeState, commands: Commands) {
    const depths: [string, string][] = [["", "Depth…"], ["Infinity", "all"], ...[1, 2, 3, 4, 5, 6, 8].map((n): [string, string] => [String(n), `${n} deep`])];
    this.depth = select("Open to depth", depths, (value) => {
      if (value) commands.setDepth(Number(value));
      this.depth.value = "";
    });
    this.weight = select("Numbers", WEIGHTS, (value) => commands.setWeight(value as Weight));
    this.sort = button("Largest first", icon("sort"), () => commands.setSorted(this.sort.getAttribute("aria-pressed") !== "true"), { class: "al-button al-sort" });
    this.idle.addEventListener("change", () => commands.setSkipIdle(this.idle.checked));
    this.plumbing.addEventListener("change", () => commands.setPlumbing(this.plumbing.checked));
    this.plumbingLabel = h("label", { class: "al-check" }, this.plumbing, "Plumbing", this.plumbingText);
    this.element = h("div", { class: "al-head" }, h("div", { class: "al-head-tools" }, this.depth, this.plumbingLabel, this.idleLabel),
      h("div", { class: "al-head-titles" }, this.titles, this.agentTitle, this.sort, this.weight));
    this.sync(state);
  }

  sync(state: TreeState): void {
    const lanes = state.mode === "lanes";
    this.titles.textContent = lanes ? "Agent" : "Span";
    this.agentTitle.hidden = lanes;
    this.weight.hidden = lanes;
    this.sort.hidden = lanes;
    setAttribute(this.sort, "aria-pressed", String(state.sorted));
    this.weight.value = state.weight;
    this.depth.hidden = lanes;
    this.plumbingLabel.hidden = state.plumbing === 0;
    this.idleLabel.hidden = state.idle === 0;
    this.idleLabel.title = `Show the ${formatDuration(state.idle)} in which nothing ran as thin gaps`;
    this.idle.checked = state.clock.gaps.length > 0;
    this.idleText.textContent = `(${formatDuration(state.idle)})`;
    this.plumbingLabel.title = `${formatCount(state.plumbing)} spans without an operation: HTTP calls, middleware, framework steps`;
    this.plumbing.checked = !state.fold;
    this.plumbingText.textContent = `(${formatCount(state.plumbing)}${state.fold ? " folded" : ""})`;
  }
}

const MARKS: [number, IconName][] = [[FLAG.findingCritical, "critical"], [FLAG.findingWarning, "warning"], [FLAG.retry, "retry"], [FLAG.unfinished, "unfinished"]];
const MOST_LEGENDS = 9;

export class StatusLine {
  readonly element: HTMLElement;
  private legend = h("ul", { class: "al-legend", "aria-label": "Colours" });
  private text = h("span", { class: "al-status" });
  private notes = h("ul", { class: "al-notes", "aria-label": "Notes" });

  private path = button("Show the critical path: the chain of spans that decided when each tree ended", h("span", { class: "al-path-key" }, h("span", { class: "al-key al-key-path" }), "critical path"),
    () => this.commands.setOnlyCritical(!this.state.onlyCritical), { class: "al-button al-legend-button", "aria-label": "Critical path" });

  constructor(private state: TreeState, private commands: Commands) {
    const { notes } = state.header;
    this.notes.replaceChildren(...notes.map((note) => h("li", {}, showInline(note))));
    this.notes.hidden = notes.length === 0;
    this.element = h("footer", { class: "al-foot" }, this.notes, h("div", { class: "al-foot-line" }, this.legend, this.text));
  }

  showLegend(legend: Legend[]): void {
    const shown = legend.slice(0, MOST_LEGENDS);
    const items: HTMLElement[] = shown.map(({ label, colour }) => {
      const dot = h("span", { class: "al-key" });
      dot.style.setProperty("--colour", colour);
      return h("li", {}, dot, showInline(label));
    });
    if (legend.length > shown.length) items.push(h("li", { class: "al-quiet" }, `+ ${formatCount(legend.length - shown.length)} more`));
    items.push(h("li", {}, h("span", { class: "al-key al-key-error" }), icon("error"), "failed"), ...this.explainMarks());
    this.legend.replaceChildren(...items);
  }

  // What the other marks mean, as far as there are any.
  private explainMarks(): HTMLElement[] {
    setAttribute(this.path, "aria-pressed", String(this.state.onlyCritical));
    const signs = new Map<number, Node>(MARKS.map(([flag, name]): [number, Node] => [flag, icon(name)]));
    const items = this.state.marks.map(([flag, words]) => (flag === FLAG.critical ? h("li", {}, this.path) : h("li", { title: words }, signs.get(flag) ?? null, words.split(":")[0])));
    if (this.state.header.blocked?.length) items.push(h("li", { title: "Stretches in which the agent reported trouble, in the lanes" }, h("span", { class: "al-key al-key-blocked" }), "blocked"));
    if (this.state.header.dictionaries.stamp && this.state.header.dictionaries.stamp.length > 1) items.push(h("li", {}, h("span", { class: "al-tag" }, "v2"), "version changed"));
    return items;
  }

  showText(text: string): void {
    if (this.text.textContent !== text) this.text.textContent = text;
  }
}

const KEYS: [string, string][] = [
  ["↑ ↓ · j k", "previous, next row"], ["← →", "close, open; then to the parent, first child"], ["Space", "close or open"],
  ["Home End PgUp PgDn", "move far"], ["[ ]", "one level less, more"], ["/", "search"], ["n N", "next, previous match"],
  ["e E", "next, previous failure"], ["z", "zoom to the span"], ["f", "show all time"], ["+ −", "zoom in, out"],
  ["Shift+← →", "pan"], ["Ctrl+Enter in the search", "search texts too"], ["Enter", "go to the details"], ["Esc", "back; close details"],
  ["Ctrl+wheel", "zoom at the pointer"], ["Shift+wheel · drag", "pan"], ["double-click", "zoom to the span"],
];

export function makeHelp(onClose: () => void): HTMLElement {
  const list = h("dl", {});
  for (const [keys, what] of KEYS) list.append(h("dt", {}, keys), h("dd", {}, what));
  return h("div", { class: "al-help", role: "dialog", "aria-label": "Keyboard help", hidden: true, tabindex: -1 },
    h("div", { class: "al-details-head" }, h("h3", { class: "al-title" }, "Keyboard and mouse"), button("Close help", icon("close"), onClose)), list);
}

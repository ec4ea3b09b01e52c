// Origin: the way of a value, or of what a step knew. Traits: _view (Way) and _values [{value, agents, steps}] (Python to page), _asked (both ways),
// picked {kind: "step", key}. In a report `_views` holds the ways that can be chosen, by what is asked.

import { copyCellButton } from "./clipboard.ts";
import { completenessBadge } from "./completeness.ts";
import { h, icon, setAttribute } from "./dom.ts";
import { countOf, formatClock, formatCount, formatDate, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { CLOCK, DIVIDER, drawWay, laneAt, layOut, sayStep, sayWay, type Hop, type Layout, type Step, type Way } from "./origin_picture.ts";
import { markTouched, namePick, Picker } from "./picking.ts";
import { readTheme, watchTheme } from "./theme.ts";

interface Value {
  value: string;
  agents: number;
  steps: number;
}

let boxes = 0;
// Width of a letter of a passage.
const LETTER = 6.7;

class OriginView {
  private root = h("div", { class: "al-root al-lineage", "data-lm-suppress-shortcuts": "true" });
  private sheet = h("div", { class: "al-sheet", tabindex: -1 });
  private foot = h("footer", { class: "al-foot" });
  private table = h("details", { class: "al-lineage-table" });
  private picker: Picker;
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    el.append(this.root);
    const onView = () => this.show();
    const onAsked = () => this.takeAsked();
    model.on("change:_view", onView);
    model.on("change:_asked", onAsked);
    this.root.addEventListener("keydown", (event) => this.keydown(event));
    const sizes = new ResizeObserver(() => this.draw());
    sizes.observe(this.root);
    this.cleanups.push(() => model.off("change:_view", onView), () => model.off("change:_asked", onAsked), () => this.picker.stop(), () => sizes.disconnect(), watchTheme(() => readTheme(this.root)));
    this.root.append(this.makeToolbar(), this.sheet, this.foot, this.table);
    this.show();
    requestAnimationFrame(() => {
      readTheme(this.root);
      this.root.dataset["ready"] = "true";
    });
  }

  private get way(): Way {
    return this.model.get("_view");
  }

  private makeToolbar(): HTMLElement {
    const values: Value[] = this.model.get("_values") ?? [];
    const id = `al-lineage-values-${++boxes}`;
    const box = h("input", { type: "text", list: id, spellcheck: "false", "aria-label": "Value, text or span id", placeholder: "a value, a text or a span id", value: this.model.get("_asked") });
    box.addEventListener("change", () => this.ask(box.value));
    box.addEventListener("focus", () => box.select());
    const list = h("datalist", { id }, ...values.map(({ value, agents, steps }) => h("option", { value }, `${formatCount(agents)} agents, ${countOf(steps, "step")}`)));
    const field = this.model.get("_views") ? this.makeSelect() : h("label", { class: "al-search al-lineage-ask" }, icon("search"), box, list);
    return h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Origin controls" }, h("strong", { class: "al-chart-title" }, "Origin"), field,
      completenessBadge(this.model), copyCellButton(this.model, this.root));
  }

  // A report has no kernel to ask: it holds the ways of some values.
  private makeSelect(): HTMLElement {
    const views: Record<string, Way> = this.model.get("_views");
    const box = h("select", { class: "al-select", "aria-label": "Of what" });
    for (const asked of Object.keys(views)) box.append(h("option", { value: asked }, showInline(asked)));
    box.value = this.model.get("_asked");
    box.addEventListener("change", () => this.ask(box.value));
    return h("label", { class: "al-field" }, h("span", { class: "al-field-label" }, "of"), box);
  }

  private ask(what: string): void {
    if (!what.trim() || what === this.model.get("_asked")) return;
    this.model.set("_asked", what);
    this.model.save_changes();
  }

  private takeAsked(): void {
    const asked: string = this.model.get("_asked");
    const view = (this.model.get("_views") ?? {})[asked];
    if (view) this.model.set("_view", view);
    const box = this.root.querySelector<HTMLInputElement | HTMLSelectElement>(".al-toolbar input, .al-toolbar select");
    if (box) box.value = asked;
  }

  private show(): void {
    const { hops, notes, steps } = this.way;
    this.foot.replaceChildren(drawLegend(hops), notes.length ? h("ul", { class: "al-notes" }, ...notes.map((note) => h("li", {}, note))) : h("span", { hidden: true }));
    this.foot.hidden = hops.length === 0 && notes.length === 0;
    this.table.hidden = steps.length === 0;
    this.table.replaceChildren(h("summary", {}, "As a table"), drawTable(this.way));
    this.draw();
  }

  private draw(): void {
    const room = this.root.clientWidth;
    const { way } = this;
    if (room === 0) return;
    const first = this.sheet.querySelector<HTMLElement>(":focus")?.dataset["key"];
    if (way.steps.length === 0) {
      this.sheet.replaceChildren(h("p", { class: "al-nothing" }, way.notes[0] ?? "Nothing to show."));
      return;
    }
    const layout = layOut(way, room);
    const list = h("ol", { class: "al-lineage-steps", "aria-label": `Steps of ${showInline(way.asked)} in order of time` }, ...way.steps.map((step, at) => this.drawStep(step, at, layout)));
    const head = h("div", { class: "al-lineage-head" }, ...way.lanes.map((name, at) => {
      const label = h("span", { class: "al-lineage-lane", title: showInline(name) }, showInline(name));
      label.style.left = `${laneAt(at, layout.wide) - layout.wide / 2}px`;
      label.style.width = `${layout.wide}px`;
      return label;
    }));
    const body = h("div", { class: "al-lineage-body" }, drawWay(way, layout), list);
    body.style.height = `${layout.height}px`;
    this.sheet.replaceChildren(head, body);
    if (layout.divided >= 0) body.append(divider(layout, way));
    if (first) this.sheet.querySelector<HTMLElement>(`[data-key="${CSS.escape(first)}"]`)?.focus();
    this.markPicked();
  }

  private drawStep(step: Step, at: number, layout: Layout): HTMLElement {
    const left = CLOCK + layout.wide * this.way.lanes.length + 12;
    const [before, passage, after] = fitPassage(step.passage ?? ["", "", ""], (this.root.clientWidth - left - 12) / LETTER);
    const into = this.way.hops.filter((hop) => hop.to === at);
    const item = h("li", { class: `al-lineage-step${step.is_similar ? " al-similar" : ""}` });
    const pick = h("button", { type: "button", class: "al-lineage-pick", "data-key": step.key, "aria-pressed": "false", "aria-label": tellStep(step, into, this.way) },
      h("span", { class: "al-lineage-clock" }, dayOf(this.way.steps, at), h("span", {}, step.time_ms === null ? "no time" : formatClock(step.time_ms, 1000))),
      h("span", { class: "al-lineage-words" },
        h("span", { class: "al-lineage-what" }, h("strong", {}, sayStep(step, this.way.is_step)), h("span", { class: "al-quiet" }, ` ${showInline(step.lane)}`), step.is_error ? icon("error", "failed") : null),
        h("span", { class: "al-lineage-passage" }, showInline(before), h("mark", {}, showInline(passage)), showInline(after))));
    item.style.top = `${layout.tops[at]}px`;
    item.style.height = `${layout.bottoms[at]! - layout.tops[at]!}px`;
    pick.style.setProperty("--al-left", `${left}px`);
    pick.addEventListener("click", () => this.picker.toggle("step", step.key));
    item.append(pick);
    return item;
  }

  private markPicked(): void {
    const { touched } = this.picker;
    for (const pick of this.sheet.querySelectorAll<HTMLElement>(".al-lineage-pick")) {
      const key = pick.dataset["key"]!;
      setAttribute(pick, "aria-pressed", String(this.picker.is("step", key)));
      markTouched(pick, touched.has(namePick("step", key)));
    }
    const at = this.way.steps.findIndex(({ key }) => this.picker.is("step", key));
    for (const hop of this.sheet.querySelectorAll<SVGElement>(".al-hop")) {
      hop.classList.toggle("al-hop-of-picked", at >= 0 && (hop.dataset["from"] === String(at) || hop.dataset["to"] === String(at)));
    }
    this.sheet.classList.toggle("al-has-picked", at >= 0);
  }

  // Up and down walk from step to step; no key reaches the notebook.
  private keydown(event: KeyboardEvent): void {
    event.stopPropagation();
    const picks = [...this.sheet.querySelectorAll<HTMLElement>(".al-lineage-pick")];
    const at = picks.indexOf(event.target as HTMLElement);
    if (at < 0 || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    picks[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    event.preventDefault();
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

// The day, where it is another one than that of the step above.
function dayOf(steps: Step[], at: number): HTMLElement | null {
  const day = (step: Step | undefined) => (step && step.time_ms !== null ? formatDate(step.time_ms) : null);
  const own = day(steps[at]);
  return own === null || own === day(steps[at - 1]) ? null : h("span", {}, own);
}

// The passage stays in sight, whatever stands before it: as much of that as there is room for.
export function fitPassage([before, passage, after]: [string, string, string], letters: number): [string, string, string] {
  if (passage === "") return [before, passage, after];
  const most = Math.max(6, Math.floor((letters - passage.length) / 2));
  return [before.length > most ? `…${before.slice(1 - most)}` : before, passage, after];
}

function divider({ tops, divided }: Layout, way: Way): HTMLElement {
  const line = h("p", { class: "al-lineage-divider" }, `Similar to ${showInline(way.asked)}, but written otherwise: not shown to be the same`);
  line.style.top = `${tops[divided]! - DIVIDER}px`;
  return line;
}

function cameFrom(hop: Hop, way: Way): string {
  const from = way.steps[hop.from]!;
  return `${sayWay(hop)} from ${showInline(from.lane)}, ${sayStep(from, way.is_step)}`;
}

function tellStep(step: Step, into: Hop[], way: Way): string {
  const time = step.time_ms === null ? "" : `${formatClock(step.time_ms, 1000)}, `;
  const came = into.length ? into.map((hop) => cameFrom(hop, way)).join("; ") : "from nowhere earlier in the log";
  return `${time}${showInline(step.lane)}: ${sayStep(step, way.is_step)}${step.is_similar ? ", similar" : ""}; ${came}`;
}

const LEGEND: Record<string, string> = {
  carried: "carried whole", quoted: "quoted", read_after_write: "read after it was written", similar: "similar", same_step: "within one step", handoff: "work handed over", message: "message",
};

function drawLegend(hops: Hop[]): HTMLElement {
  const kinds = [...new Set(hops.map(({ kind }) => kind.replace(/\W/g, "_")))];
  const sure = [...new Set(hops.map(({ confidence }) => confidence))].filter((one) => one !== "certain");
  const item = (cls: string, words: string) => h("li", {}, h("span", { class: `al-lineage-key ${cls}`, "aria-hidden": "true" }), words);
  return h("ul", { class: "al-legend", "aria-label": "Arrows" }, ...kinds.map((kind) => item(`al-hop-${kind}`, LEGEND[kind] ?? kind)), ...sure.map((one) => item(`al-hop-${one}`, one)));
}

function drawTable(way: Way): HTMLElement {
  const heads = ["time", "agent", "step", "came from", "passage", "stands in"];
  return h("table", { class: "al-table", "aria-label": `Hops of ${showInline(way.asked)}` },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, h("span", { class: "al-th" }, head))))),
    h("tbody", {}, ...way.steps.map((step, at) => {
      const into = way.hops.filter((hop) => hop.to === at);
      const time = step.time_ms === null ? "" : `${formatDate(step.time_ms)} ${formatClock(step.time_ms, 1000)}`;
      const came = into.length ? into.map((hop) => h("div", {}, cameFrom(hop, way))) : [h("span", { class: "al-quiet" }, "nowhere earlier in the log")];
      return h("tr", {}, h("td", {}, time), h("td", {}, showInline(step.lane)), h("td", {}, sayStep(step, way.is_step) + (step.is_similar ? ", similar" : "")), h("td", {}, ...came),
        h("td", {}, showInline((step.passage ?? []).join(""))), h("td", {}, showInline(step.place)));
    })));
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new OriginView(model, el);
  return () => view.destroy();
}

export default { render };

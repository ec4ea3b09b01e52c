// AgentMap: who worked with whom, as a map and as a sequence. Everything is in the trait `_view` (see agent_map.py); an agent,
// an edge or an event that is clicked becomes `picked` {kind, key}.

import { drawMap, drawMapLegend, type MapAgent, type MapEdge } from "./agent_graph.ts";
import { drawSequence, type Blocked, type MapEvent, type SequenceWave } from "./agent_sequence.ts";
import { copyCellButton } from "./clipboard.ts";
import { completenessBadge } from "./completeness.ts";
import { button, h, icon, select, setAttribute } from "./dom.ts";
import { formatCount, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { markTouched, namePick, Picker } from "./picking.ts";
import { readTheme, watchTheme } from "./theme.ts";

interface MapView {
  agents: MapAgent[];
  edges: MapEdge[];
  events: MapEvent[];
  is_cut: boolean;
  blocked: Blocked[];
  waves: SequenceWave[];
  has_matrix: boolean;
}

type Mode = "map" | "sequence";

// As the style sheet has it.
const TALLEST = 680;

class AgentMapView {
  private root = h("div", { class: "al-root al-agent-map", "data-lm-suppress-shortcuts": "true" });
  private sheet = h("div", { class: "al-sheet", tabindex: -1 });
  private foot = h("footer", { class: "al-foot" });
  private modes: Record<Mode, HTMLButtonElement>;
  private mode: Mode = "map";
  private kinds: Set<string>;
  private wave: number | null = null;
  private zoom: number | null = null;
  private picker: Picker;
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    this.kinds = new Set(this.allKinds());
    this.modes = {
      map: button("Map: who works with whom", "Map", () => this.setMode("map"), { "aria-label": "Map" }),
      sequence: button("Sequence: what passed when", "Sequence", () => this.setMode("sequence"), { "aria-label": "Sequence" }),
    };
    el.append(this.root);
    this.listen();
    this.assemble();
    requestAnimationFrame(() => {
      readTheme(this.root);
      this.draw();
      this.root.dataset["ready"] = "true";
    });
  }

  private get view(): MapView {
    return this.model.get("_view");
  }

  private allKinds(): string[] {
    return [...new Set([...this.view.edges, ...this.view.events].map(({ kind }) => kind))].sort();
  }

  private listen(): void {
    const onView = () => (this.assemble(), this.draw());
    this.model.on("change:_view", onView);
    this.sheet.addEventListener("click", (event) => this.pickAt(event.target));
    this.root.addEventListener("keydown", (event) => this.keydown(event));
    const sizes = new ResizeObserver(() => this.draw());
    sizes.observe(this.root);
    this.cleanups.push(() => this.model.off("change:_view", onView), () => this.picker.stop(), () => sizes.disconnect(), watchTheme(() => readTheme(this.root)));
  }

  private assemble(): void {
    const { waves } = this.view;
    const kinds = this.allKinds().map((kind) => {
      const box = h("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => (box.checked ? this.kinds.add(kind) : this.kinds.delete(kind), this.draw()));
      return h("label", { class: "al-check" }, box, { delegation: "delegations", report: "reports", message: "messages" }[kind] ?? showInline(kind));
    });
    const options = waves.map((wave): [string, string] => [String(wave.wave), `wave ${wave.wave}${wave.is_first_broken ? " (first to break)" : ""}`]);
    const pick = select("Wave", [["", "all waves"], ...options], (value) => {
      this.wave = value === "" ? null : Number(value);
      this.draw();
    });
    const zoom = h("span", { class: "al-segments", role: "group", "aria-label": "Zoom" }, button("Smaller", icon("minus"), () => this.zoomBy(1 / 1.25)),
      button("Fit the width", icon("fit"), () => this.zoomBy(null)), button("Larger", icon("plus"), () => this.zoomBy(1.25)));
    this.root.replaceChildren(h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Agent map controls" },
      h("span", { class: "al-segments", role: "group", "aria-label": "Mode" }, this.modes.map, this.modes.sequence), ...kinds, options.length > 1 ? pick : null, zoom, completenessBadge(this.model), copyCellButton(this.model, this.root)),
      this.sheet, this.foot);
  }

  private setMode(mode: Mode): void {
    this.mode = mode;
    this.draw();
    this.sheet.scrollTop = 0;
  }

  private zoomBy(factor: number | null): void {
    this.zoom = factor === null ? null : Math.max(0.3, Math.min(3, (this.zoom ?? this.shownZoom()) * factor));
    this.draw();
  }

  private shownZoom(): number {
    const picture = this.sheet.querySelector("svg");
    return picture ? picture.getBoundingClientRect().width / picture.viewBox.baseVal.width : 1;
  }

  private draw(): void {
    if (!this.root.isConnected) return;
    for (const mode of ["map", "sequence"] as const) setAttribute(this.modes[mode], "aria-pressed", String(this.mode === mode));
    const loops = this.mode === "map" ? this.drawMap() : this.drawSequence();
    this.foot.replaceChildren(...this.drawNotes(loops));
    this.markPicked();
  }

  private drawMap(): string[][] {
    const { agents, edges } = this.view;
    if (agents.length === 0) {
      this.sheet.replaceChildren(h("p", { class: "al-nothing" }, "No agent is named in what is shown."));
      return [];
    }
    const { picture, loops } = drawMap(agents, edges.filter((edge) => this.kinds.has(edge.kind)));
    const wide = picture.viewBox.baseVal.width;
    const fit = Math.min((this.sheet.clientWidth - 4) / wide, TALLEST / picture.viewBox.baseVal.height);
    const scale = this.zoom ?? Math.max(0.6, Math.min(1.1, fit));
    picture.setAttribute("width", String(Math.round(wide * scale)));
    picture.setAttribute("height", String(Math.round(picture.viewBox.baseVal.height * scale)));
    this.sheet.replaceChildren(picture);
    return loops;
  }

  private drawSequence(): string[][] {
    const { agents, events, blocked, waves } = this.view;
    const chosen = waves.find((wave) => wave.wave === this.wave);
    const within = (time: number | null) => !chosen || (time !== null && time >= chosen.start_ms - 1000 && time <= chosen.end_ms + 120_000);
    // Events keep their numbers: what is outside the wave is only left out of the drawing.
    const kinds = this.kinds;
    const shown = events.map((event) => (within(event.start_ms) ? event : { ...event, kind: "" }));
    this.sheet.replaceChildren(drawSequence(shown, blocked.filter((stretch) => within(stretch.start_ms)), chosen ? [chosen] : waves, kinds, agents.map(({ name }) => name), this.sheet.clientWidth));
    return [];
  }

  private drawNotes(loops: string[][]): HTMLElement[] {
    const { edges, has_matrix, is_cut } = this.view;
    const notes = loops.map((loop) => `Loop: ${[...loop, loop[0]].map(showInline).join(" → ")}`);
    if (is_cut && this.mode === "sequence") notes.push("Only the first 3,000 events are here.");
    const forbidden = edges.filter((edge) => edge.forbidden);
    if (forbidden.length) notes.push(`${formatCount(forbidden.length)} ${forbidden.length === 1 ? "delegation is" : "delegations are"} not allowed by the matrix: ${forbidden.map((edge) => `${showInline(edge.from)} → ${showInline(edge.to)}`).join(", ")}`);
    const list = h("ul", { class: "al-notes", "aria-label": "Notes" }, ...notes.map((note) => h("li", {}, note)));
    list.hidden = notes.length === 0;
    return [list, drawMapLegend(edges, has_matrix, loops.length > 0)];
  }

  private pickAt(target: EventTarget | null): void {
    const note = target instanceof Element ? target.closest<SVGElement>("[data-edge]") : null;
    if (note) return this.picker.toggle("edge", note.dataset["edge"]!);
    const part = target instanceof Element ? target.closest<SVGElement>("[data-kind][data-key]") : null;
    if (part) this.picker.toggle(part.dataset["kind"]!, part.dataset["key"]!);
  }

  // Enter and Space pick, arrows walk from part to part; no key reaches the notebook.
  private keydown(event: KeyboardEvent): void {
    event.stopPropagation();
    const target = event.target as Element;
    if (!this.sheet.contains(target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const parts = [...this.sheet.querySelectorAll<SVGElement>("[data-kind][data-key]")];
    const at = parts.indexOf(target as SVGElement);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") this.pickAt(target);
    else if (event.key === "ArrowDown" || event.key === "ArrowRight") parts[at + 1]?.focus();
    else if (event.key === "ArrowUp" || event.key === "ArrowLeft") parts[at - 1]?.focus();
    else return;
    event.preventDefault();
  }

  private markPicked(): void {
    const { current, touched } = this.picker;
    this.sheet.classList.toggle("al-has-picked", current !== null);
    for (const part of this.sheet.querySelectorAll<SVGElement>("[data-kind][data-key]")) {
      const picked = current !== null && part.dataset["kind"] === current.kind && part.dataset["key"] === current.key;
      setAttribute(part, "aria-pressed", String(picked));
      part.classList.toggle("al-picked", picked);
      markTouched(part, touched.has(namePick(part.dataset["kind"]!, part.dataset["key"]!)));
    }
    for (const note of this.sheet.querySelectorAll<SVGElement>("[data-edge]")) {
      note.classList.toggle("al-picked", this.picker.is("edge", note.dataset["edge"]!));
      note.classList.toggle("al-touched", touched.has(namePick("edge", note.dataset["edge"]!)));
    }
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new AgentMapView(model, el);
  return () => view.destroy();
}

export default { render };

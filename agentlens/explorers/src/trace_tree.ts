// TraceTree: tree, timeline, minimap and agent lanes of up to a million spans, all in the page.
// Only the details of a clicked span are asked for, and texts and conditions when they are searched. The wire is written down in
// columns.ts, requests.ts and asker.ts ({type: "locate", span_id} -> {row}; {type: "search", text} -> {rows, note?};
// {type: "where", text: an SQL condition} -> one bit a row, as bytes).
//
// Traits: _columns, _header, _highlight (Python to page), _row (both ways), _trace (the trace picked, -1 for all; page to Python).

import { isFailure } from "./activity.ts";
import { Asker } from "./asker.ts";
import { copyCellButton, copyText } from "./clipboard.ts";
import { CauseStrip, type CauseStep } from "./cause.ts";
import { completenessBadge } from "./completeness.ts";
import { linkTo, locateAddressed } from "./deep_link.ts";
import { DetailsPanel } from "./details.ts";
import { h } from "./dom.ts";
import { listenBrush, listenDivider, listenTimeline, listenWheel } from "./gestures.ts";
import { pressKey, type KeyCommands } from "./keys.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { describeWindow, minimapTime, minimapX } from "./time_strip.ts";
import type { ColourMode } from "./palette.ts";
import { SpanRequests } from "./requests.ts";
import { Screen } from "./screen.ts";
import { formatCount, showInline } from "./format.ts";
import { watchTheme } from "./theme.ts";
import { LANE, laneY, ROW, rowAtLane } from "./timeline.ts";
import { ColumnHead, makeHelp, StatusLine, Toolbar, type Commands } from "./toolbar.ts";
import { Tooltip } from "./tooltip.ts";
import { TreeState, type Mode, type Weight } from "./tree_state.ts";
import { clampWindow } from "./viewport.ts";

const NARROW = 1000;
let instances = 0;

class TraceTreeView implements Commands, KeyCommands {
  private root = h("div", { class: "al-root al-tree", "data-lm-suppress-shortcuts": "true" });
  private state: TreeState;
  private screen: Screen;
  private toolbar: Toolbar;
  private head: ColumnHead;
  private status: StatusLine;
  private details: DetailsPanel;
  private cause = new CauseStrip({ onGo: (row) => this.go(row), onHypothesis: (steps) => this.showChain(steps), onClose: () => this.closeCause() });
  private help = makeHelp(() => this.toggleHelp());
  private tooltip = new Tooltip();
  private requests: SpanRequests;
  private asker: Asker;
  private abort = new AbortController();
  private cleanups: (() => void)[] = [];
  private frame = 0;
  private attached = false;
  private shallow = 3;
  private saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private model: Model, el: HTMLElement) {
    const began = performance.now();
    this.state = new TreeState(model.get("_columns"), model.get("_header"), model.get("_highlight"));
    this.asker = new Asker(model);
    this.toolbar = new Toolbar(this.state, this, completenessBadge(model), copyCellButton(model, this.root));
    this.head = new ColumnHead(this.state, this);
    this.status = new StatusLine(this.state, this);
    this.details = new DetailsPanel({ onClose: () => this.closeDetails(), onZoom: () => this.zoomToSelected(), onGo: (row) => this.go(row), onLink: (span) => this.copyLink(span), onCause: () => this.askCause() }, Boolean(model.get("_asks_causes")));
    const divider = h("div", { class: "al-divider al-divider-labels", role: "separator", tabindex: 0, "aria-orientation": "vertical", "aria-label": "Width of the labels" });
    this.screen = new Screen(this.root, this.state, this.head.element, divider, `al${++instances}`);
    this.requests = new SpanRequests(model, {
      onWait: () => this.details.showNote("waiting for the kernel…"),
      onSpan: (row, span) => row === this.state.selected && this.details.showSpan(span),
      onError: (_row, message) => this.details.showNote(message, true),
    });
    this.assemble(el);
    this.listen(divider);
    this.resize();
    this.adoptCause();
    this.adoptRow();
    this.openAddressed();
    this.reportFirstPaint(began);
  }

  private assemble(el: HTMLElement): void {
    const { root } = this;
    if (this.state.columns.n === 0) {
      root.append(h("p", { class: "al-nothing" }, "No spans to show: the lens, or the condition it was opened with, holds none."), this.status.element);
    } else {
      const divider = h("div", { class: "al-divider al-divider-details", role: "separator", tabindex: 0, "aria-label": "Size of the details" });
      listenDivider(divider, () => !root.classList.contains("al-narrow"), (delta) => this.resizeDetails(delta), this.abort.signal);
      root.append(this.toolbar.element, this.cause.element, h("div", { class: "al-body" }, this.screen.view, divider, this.details.element),
        this.status.element, this.tooltip.element, this.help);
    }
    el.append(root);
  }

  private listen(divider: HTMLElement): void {
    const { screen, root } = this;
    const { signal } = this.abort;
    listenDivider(divider, () => true, (delta) => this.resizeLabels(delta), signal);
    this.listenTimeline(signal);
    listenBrush(screen.minimap, {
      edges: () => [minimapX(screen.timeline(), this.state.window.from), minimapX(screen.timeline(), this.state.window.to)],
      onBrush: (from, to) => this.brush(from, to),
    }, signal);
    screen.scroll.addEventListener("scroll", () => this.schedule(), { passive: true, signal });
    screen.rowsHost.addEventListener("click", (event) => this.clickRow(event), { signal });
    screen.rowsHost.addEventListener("dblclick", (event) => this.zoomToRow(screen.rows.rowOf(event.target)), { signal });
    screen.rowsHost.addEventListener("pointermove", (event) => this.hover(screen.rows.rowOf(event.target)), { signal });
    screen.rowsHost.addEventListener("pointerleave", () => this.hover(-1), { signal });
    root.addEventListener("keydown", (event) => this.keydown(event), { signal });
    window.addEventListener("hashchange", () => this.openAddressed(), { signal });
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(root);
    sizes.observe(screen.view);
    const onRow = () => this.adoptRow();
    const onHighlight = () => (this.state.setHighlight(this.model.get("_highlight")), this.schedule());
    this.model.on("change:_row", onRow);
    this.model.on("change:_highlight", onHighlight);
    const onCause = () => this.adoptCause();
    this.model.on("change:_cause", onCause);
    this.cleanups.push(() => sizes.disconnect(), watchTheme(() => this.refreshTheme()),
      () => this.model.off("change:_row", onRow), () => this.model.off("change:_highlight", onHighlight), () => this.model.off("change:_cause", onCause), () => this.requests.stop(), () => this.asker.stop());
  }

  private listenTimeline(signal: AbortSignal): void {
    const { screen, state } = this;
    const perPixel = () => (state.window.to - state.window.from) / screen.width;
    const gestures = {
      onHover: (x: number, y: number) => this.hoverTimeline(x, y),
      onLeave: () => this.leaveTimeline(),
      onDrag: (dx: number, dy: number) => {
        state.pan(-dx * perPixel());
        screen.scroll.scrollTop -= dy;
        this.leaveTimeline();
      },
      onClick: (x: number, y: number) => this.choose(this.rowAt(x, y)),
      onDoubleClick: (x: number, y: number) => this.zoomToRow(this.rowAt(x, y)),
      onZoom: (x: number, factor: number) => (state.zoom(factor, state.window.from + x * perPixel()), this.schedule()),
      onPan: (dx: number) => (state.pan(dx * perPixel()), this.schedule()),
    };
    listenTimeline(screen.canvas, gestures, signal);
    listenWheel(screen.view, screen.canvas, gestures, signal);
  }

  private rowAt(x: number, y: number): number {
    const { screen, state } = this;
    if (state.mode === "lanes") return rowAtLane(screen.timeline(), x, y + screen.top);
    return state.visible[Math.floor((y + screen.top) / ROW)] ?? -1;
  }

  private hoverTimeline(x: number, y: number): void {
    const row = this.rowAt(x, y);
    this.screen.cursor = x;
    const canvas = this.screen.canvas.getBoundingClientRect();
    const root = this.root.getBoundingClientRect();
    if (row >= 0) this.tooltip.show(this.state, row, canvas.left - root.left + x, canvas.top - root.top + y, this.root);
    else this.tooltip.hide();
    this.hover(row);
  }

  private leaveTimeline(): void {
    this.screen.cursor = null;
    this.tooltip.hide();
    this.hover(-1);
  }

  private hover(row: number): void {
    this.state.hovered = row;
    this.schedule();
  }

  private clickRow(event: MouseEvent): void {
    const row = this.screen.rows.rowOf(event.target);
    if (row < 0) return;
    if ((event.target as Element).closest(".al-twist")) this.toggle(row);
    else this.choose(row);
    this.focusView();
  }

  private choose(row: number): void {
    if (row >= 0) this.select(row, true);
    this.screen.scroll.focus({ preventScroll: true });
  }

  private select(row: number, tell: boolean): void {
    const { state } = this;
    state.selected = row;
    state.panInto(row);
    this.openDetails(row);
    this.toolbar.sync(state);
    this.schedule();
    if (tell) this.tellRow();
  }

  // Set and saved at once, when the keys rest: a held arrow key does not flood the kernel, and a row that Python selects
  // meanwhile is the one that is told, so that page and kernel never part.
  private tellRow(): void {
    clearTimeout(this.saveTimer);
    this.saveTimer = setTimeout(() => (this.model.set("_row", this.state.selected), this.model.save_changes()), 60);
  }

  private openDetails(row: number): void {
    const { state } = this;
    const names = state.header.dictionaries.name;
    const wasHidden = this.details.element.hidden;
    this.details.open(names[state.columns.name[row]] || "(no name)", state.pathTo(row).map((above) => [above, names[state.columns.name[above]] || "(no name)"]));
    this.root.classList.add("al-with-details");
    if (wasHidden) this.resize();
    this.requests.ask(row);
  }

  private closeDetails(): void {
    this.requests.forget();
    this.details.close();
    this.root.classList.remove("al-with-details");
    this.state.selected = -1;
    this.tellRow();
    this.resize();
    this.focusView();
  }

  // The row Python (or another explorer) selected.
  private adoptRow(): void {
    const row = this.model.get("_row") ?? -1;
    if (row === this.state.selected || row >= this.state.columns.n) return;
    if (row < 0) this.closeDetails();
    else this.show(row, false);
  }

  // The details open first, because they leave the rows less room.
  private show(row: number, tell: boolean): void {
    this.select(row, tell);
    this.bringIntoSight(row);
  }

  private bringIntoSight(row: number): void {
    const at = this.state.reveal(row);
    this.head.sync(this.state);
    if (this.state.mode === "tree") this.screen.ensureSeen(at * ROW, ROW);
    else this.screen.ensureSeen(laneY(this.state.lanes(), row) - LANE / 2, LANE);
  }

  // Asked for by Python, a report, or the button of the details; the answer is the trait.
  private askCause(): void {
    this.details.say("looking…");
    this.asker.ask("cause", { row: this.state.selected }).then(() => undefined, (error: Error) => this.details.say(error.message));
  }

  private adoptCause(): void {
    const cause = this.model.get("_cause");
    if (!cause?.hypotheses?.length) this.showChain([]);
    this.cause.show(cause);
    this.resize();
  }

  private showChain(steps: CauseStep[]): void {
    this.state.setChain(steps.map((step) => step.row));
    const first = steps.find((step) => step.row >= 0);
    if (first && this.attached) this.bringIntoSight(first.row);
    this.syncAll();
  }

  private closeCause(): void {
    this.model.set("_cause", {});
    this.model.save_changes();
  }

  // Commands of the toolbar and the keys.

  go(row: number): void {
    this.show(row, true);
  }

  setMode(mode: Mode): void {
    this.state.mode = mode;
    this.root.classList.toggle("al-lanes-mode", mode === "lanes");
    this.state.version++;
    this.screen.scrollTo(0);
    this.resize();
    if (this.state.selected >= 0) this.show(this.state.selected, false);
    this.syncAll();
  }

  setTrace(at: number): void {
    this.model.set("_trace", at);
    this.model.save_changes();
    this.state.setScope(this.state.scopeOfTrace(at));
    this.screen.scrollTo(0);
    this.toolbar.showTrace(at);
    this.syncAll();
  }

  setColour(mode: ColourMode): void {
    this.state.colourMode = mode;
    this.screen.recolour();
    this.showLegend();
    this.schedule();
  }

  setWeight(weight: Weight): void {
    this.state.setWeight(weight);
    this.schedule();
  }

  setAxis(axis: Weight): void {
    this.state.setAxis(axis);
    this.syncAll();
  }

  setSorted(sorted: boolean): void {
    this.state.setSorted(sorted);
    this.syncAll();
  }

  setOnlyCritical(only: boolean): void {
    this.state.setOnlyCritical(only);
    this.showLegend();
    this.syncAll();
  }

  setDepth(depth: number): void {
    this.state.toDepth(depth);
    this.shallow = depth;
    this.schedule();
  }

  deepen(by: 1 | -1): void {
    this.setDepth(Math.max(1, Math.min(Number.isFinite(this.shallow) ? this.shallow + by : by > 0 ? Infinity : 8, 64)));
  }

  setPlumbing(shown: boolean): void {
    this.state.setFold(!shown);
    this.syncAll();
  }

  setSkipIdle(skip: boolean): void {
    this.state.setSkipIdle(skip);
    this.syncAll();
  }

  search(query: string): void {
    const began = performance.now();
    this.state.search(query);
    this.toolbar.remark("");
    this.root.dataset["searchMs"] = (performance.now() - began).toFixed(1);
    this.syncAll();
  }

  // Only this search asks the kernel.
  searchTexts(): void {
    const { query } = this.state;
    if (!query.trim()) return;
    this.toolbar.say("searching texts…");
    const ifStillAsked = (act: () => void) => query === this.state.query && act();
    const show = (rows: number[], note: string) => (this.state.addHits(rows), this.toolbar.remark(note), this.syncAll());
    this.asker.ask("search", { text: query }).then((answer) => ifStillAsked(() => show(answer.rows, answer.note ?? "")), (error: Error) => ifStillAsked(() => this.toolbar.say(error.message, true)));
  }

  // So does this one: SQL is the kernel's.
  searchWhere(condition: string): void {
    const ifStillAsked = (act: () => void) => condition === this.toolbar.search.value && act();
    this.toolbar.say("asking…");
    this.asker.ask("where", { text: condition }).then((answer) => ifStillAsked(() => (this.state.setMatches(answer.buffers[0]), this.syncAll())),
      (error: Error) => ifStillAsked(() => this.toolbar.say(showInline(error.message), true)));
  }

  private copyLink(spanId: string): void {
    void copyText(linkTo(location.href, spanId), this.root, (sentence) => this.details.say(sentence));
  }

  private openAddressed(): void {
    if (this.state.columns.n > 0) locateAddressed(this.asker).then((row) => row >= 0 && (this.go(row), this.root.scrollIntoView({ block: "nearest" })), (error: Error) => this.toolbar.say(error.message));
  }

  stepHit(direction: 1 | -1): void {
    const row = this.state.nextHit(direction);
    if (row >= 0) this.go(row);
  }

  stepFailure(direction: 1 | -1): void {
    const { columns, selected } = this.state;
    for (let step = 1; step <= columns.n; step++) {
      const row = (((selected + direction * step) % columns.n) + columns.n) % columns.n;
      if (isFailure(columns, row)) return this.go(row);
    }
  }

  toggle(row: number, closed?: boolean): void {
    this.state.toggle(row, closed);
    this.schedule();
  }

  zoom(factor: number): void {
    this.state.zoom(factor);
    this.schedule();
  }

  pan(share: number): void {
    this.state.pan((this.state.window.to - this.state.window.from) * share);
    this.schedule();
  }

  fit(): void {
    this.state.showAll();
    this.schedule();
  }

  zoomToSelected(): void {
    this.zoomToRow(this.state.selected);
  }

  private zoomToRow(row: number): void {
    if (row < 0) return;
    this.state.zoomTo(row);
    this.schedule();
  }

  private brush(from: number, to: number): void {
    const scene = this.screen.timeline();
    this.state.window = clampWindow({ from: minimapTime(scene, from), to: minimapTime(scene, to) }, this.state.limits);
    this.schedule();
  }

  focusSearch(): void {
    this.toolbar.search.focus();
    this.toolbar.search.select();
  }

  focusView(): void {
    this.screen.scroll.focus({ preventScroll: true });
  }

  focusDetails(): void {
    if (!this.details.element.hidden) this.details.element.querySelector<HTMLElement>(".al-details-body")?.focus();
  }

  escape(): void {
    if (!this.help.hidden) this.toggleHelp();
    else if (!this.details.element.hidden) this.closeDetails();
  }

  toggleHelp(): void {
    this.help.hidden = !this.help.hidden;
    if (this.help.hidden) this.focusView();
    else this.help.focus();
  }

  pageRows(): number {
    return Math.max(1, Math.floor(this.screen.height / ROW) - 1);
  }

  // No key reaches the notebook's own shortcuts.
  private keydown(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target as HTMLElement;
    const inView = target === this.screen.scroll || target === this.screen.minimap;
    if (!inView && event.key !== "Escape") return;
    if (target.matches("input, select") || (!inView && target !== this.help && !this.details.element.contains(target) && !this.help.contains(target))) return;
    const key = target === this.screen.minimap ? minimapKey(event) : event;
    if (inView || event.key === "Escape") if (pressKey(key.key, key.shiftKey, this.state, this)) event.preventDefault();
  }

  private resizeLabels(delta: number): void {
    const { view } = this.screen;
    const width = this.head.element.getBoundingClientRect().width + delta;
    view.style.setProperty("--al-labels", `${Math.max(140, Math.min(width, view.clientWidth - 160))}px`);
    this.resize();
  }

  private resizeDetails(delta: number): void {
    const narrow = this.root.classList.contains("al-narrow");
    const box = this.details.element.getBoundingClientRect();
    const size = (narrow ? box.height : box.width) - delta;
    const most = (narrow ? this.root.clientHeight : this.root.clientWidth) * 0.7;
    this.root.style.setProperty(narrow ? "--al-details-height" : "--al-details-width", `${Math.max(120, Math.min(size, most))}px`);
    this.resize();
  }

  private resize(): void {
    // Hosts may render before they attach; only an attached element has the colours of its page, and can scroll.
    if (!this.root.isConnected) return;
    const isFirst = !this.attached;
    if (isFirst) this.refreshTheme();
    this.attached = true;
    this.root.classList.toggle("al-narrow", this.root.clientWidth < NARROW);
    this.root.classList.toggle("al-slim", this.screen.view.clientWidth < 700);
    this.screen.resize();
    const opened = this.state.chain.find((row) => row >= 0) ?? this.state.selected;
    if (isFirst && opened >= 0) this.bringIntoSight(opened);
    this.draw();
  }

  private syncAll(): void {
    this.toolbar.sync(this.state);
    this.head.sync(this.state);
    this.schedule();
  }

  private showLegend(): void {
    this.status.showLegend(this.screen.colouring.legend);
  }

  private schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.state.columns.n === 0 || !this.attached) return;
    const began = performance.now();
    const drawn = this.screen.paint();
    const spans = formatCount(this.state.scope.to - this.state.scope.from);
    this.status.showText(`${spans} spans · ${describeWindow(this.screen.timeline())}`);
    const ms = performance.now() - began;
    this.root.dispatchEvent(new CustomEvent("agentlens:draw", { detail: { ms, drawn } }));
  }

  private refreshTheme(): void {
    this.screen.refreshTheme();
    this.showLegend();
    this.schedule();
  }

  private reportFirstPaint(began: number): void {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      this.root.dataset["firstPaint"] = (performance.now() - began).toFixed(1);
      this.root.dataset["ready"] = "true";
    }));
  }

  destroy(): void {
    this.abort.abort();
    clearTimeout(this.saveTimer);
    cancelAnimationFrame(this.frame);
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

// On the minimap the arrow keys pan the window; everything else means what it means in the tree.
function minimapKey(event: KeyboardEvent): { key: string; shiftKey: boolean } {
  if (event.key === "ArrowUp") return { key: "+", shiftKey: false };
  if (event.key === "ArrowDown") return { key: "-", shiftKey: false };
  return { key: event.key, shiftKey: event.shiftKey || event.key.startsWith("Arrow") };
}

function render({ model, el }: RenderProps): Cleanup {
  let view = new TraceTreeView(model, el);
  const reload = () => {
    view.destroy();
    view = new TraceTreeView(model, el);
  };
  model.on("change:_columns", reload);
  return () => {
    model.off("change:_columns", reload);
    view.destroy();
  };
}

export default { render };

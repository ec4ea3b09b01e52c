// The trace tree's elements and their sizes, and the painting of one frame.

import type { Scene } from "./bars.ts";
import { drawChain } from "./cause.ts";
import { h, setAttribute } from "./dom.ts";
import { LaneLabels } from "./lane_labels.ts";
import { AXIS, describeWindow, drawAxis, drawMinimap, MINIMAP, minimapX } from "./time_strip.ts";
import { colourRows, type Colouring } from "./palette.ts";
import { readTheme, type Theme } from "./theme.ts";
import { drawGrid, drawLaneBars, drawTreeBars, lanesHeight, ROW } from "./timeline.ts";
import { describeRow, TreeRows } from "./tree_rows.ts";
import type { TreeState } from "./tree_state.ts";

// Browsers stop laying out elements far above this height (Firefox near 17 million px).
const TALLEST = 15_000_000;

export class Screen {
  readonly scroll = h("div", { class: "al-scroll", tabindex: 0 });
  readonly canvas = h("canvas", { class: "al-canvas", "aria-hidden": "true" });
  readonly minimap = h("canvas", { class: "al-minimap", tabindex: 0, role: "slider", "aria-label": "Time window" });
  readonly axis = h("canvas", { class: "al-axis", "aria-hidden": "true" });
  readonly rowsHost = h("div", { class: "al-rows", role: "none" });
  readonly lanesHost = h("div", { class: "al-lanes", "aria-hidden": "true" });
  readonly spacer = h("div", { class: "al-spacer", role: "none" });
  readonly view: HTMLElement;
  readonly rows: TreeRows;
  cursor: number | null = null;
  theme!: Theme;
  colouring!: Colouring;
  width = 1;
  height = 1;
  private labels: LaneLabels;
  private option: HTMLElement;

  constructor(private root: HTMLElement, private state: TreeState, head: HTMLElement, divider: HTMLElement, prefix: string) {
    const sticky = h("div", { class: "al-sticky", role: "none" }, h("div", { class: "al-labels", role: "none" }, this.rowsHost, this.lanesHost), this.canvas);
    this.option = h("div", { class: "al-hidden-text", role: "option", id: `${prefix}-option` });
    this.spacer.append(sticky);
    this.scroll.append(this.spacer, this.option);
    this.view = h("div", { class: "al-view" }, head, h("div", { class: "al-over" }, this.minimap, this.axis), this.scroll, divider);
    this.rows = new TreeRows(this.rowsHost, state, prefix);
    this.labels = new LaneLabels(this.lanesHost, state);
  }

  // Reads the page's colours anew; rows are written again.
  refreshTheme(): void {
    this.theme = readTheme(this.root);
    this.recolour();
  }

  recolour(): void {
    const { state } = this;
    this.colouring = colourRows(state.columns, state.header.dictionaries, state.agents, state.colourMode, this.theme.name);
    state.version++;
  }

  resize(): void {
    const ratio = window.devicePixelRatio || 1;
    this.height = Math.max(1, this.scroll.clientHeight);
    this.spacer.style.setProperty("--view-height", `${this.height}px`);
    this.width = Math.max(1, this.canvas.clientWidth);
    for (const [canvas, height] of [[this.canvas, this.height], [this.minimap, MINIMAP], [this.axis, AXIS]] as const) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
      if (canvas !== this.canvas) canvas.style.width = `${this.width}px`;
    }
  }

  get total(): number {
    return this.state.mode === "tree" ? this.state.visible.length * ROW : lanesHeight(this.state.lanes());
  }

  private get stretch(): number {
    return this.total > TALLEST ? (this.total - this.height) / (TALLEST - this.height) : 1;
  }

  get top(): number {
    return Math.max(0, Math.min(this.scroll.scrollTop * this.stretch, this.total - this.height));
  }

  scrollTo(top: number): void {
    this.fitSpacer();
    this.scroll.scrollTop = Math.max(0, top) / this.stretch;
  }

  private fitSpacer(): void {
    const height = `${Math.max(Math.min(this.total, TALLEST), this.height)}px`;
    if (this.spacer.style.height !== height) this.spacer.style.height = height;
  }

  // Brings y … y + tall into sight: just so when it is near, with its surroundings when it is far.
  ensureSeen(y: number, tall: number): void {
    const { top } = this;
    const far = y < top - 2 * tall || y > top + this.height + 2 * tall;
    if (far) this.scrollTo(y - this.height / 3);
    else if (y < top) this.scrollTo(y - tall);
    else if (y + tall > top + this.height) this.scrollTo(y + 2 * tall - this.height);
  }

  scene(canvas: HTMLCanvasElement, height: number): Scene {
    const ratio = window.devicePixelRatio || 1;
    const context = canvas.getContext("2d", { alpha: false })!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `11px ${this.theme.font}`;
    context.textBaseline = "middle";
    context.globalAlpha = 1;
    return { context, state: this.state, theme: this.theme, colouring: this.colouring, width: this.width, height };
  }

  timeline(): Scene {
    return this.scene(this.canvas, this.height);
  }

  // Paints everything; says how many bars were drawn.
  paint(): number {
    this.fitSpacer();
    const scene = this.timeline();
    const { top, state } = this;
    drawGrid(scene);
    const drawn = state.mode === "tree" ? drawTreeBars(scene, top) : drawLaneBars(scene, top);
    drawChain(scene, top);
    if (this.cursor !== null) {
      scene.context.fillStyle = this.theme.dim;
      scene.context.fillRect(Math.round(this.cursor), 0, 1, this.height);
    }
    if (state.mode === "tree") this.rows.paint(top, this.height, this.colouring);
    else this.labels.paint(top, this.height);
    drawAxis(this.scene(this.axis, AXIS), this.cursor);
    drawMinimap(this.scene(this.minimap, MINIMAP));
    this.writeRoles(scene);
    return drawn;
  }

  private writeRoles(scene: Scene): void {
    const { state } = this;
    const lanes = state.mode === "lanes";
    const described = lanes && state.selected >= 0 ? describeRow(state, state.selected) : "";
    setAttribute(this.scroll, "role", lanes ? "listbox" : "tree");
    setAttribute(this.scroll, "aria-label", lanes ? "Agent lanes" : "Trace tree");
    this.option.hidden = !described;
    if (this.option.textContent !== described) this.option.textContent = described;
    setAttribute(this.option, "aria-selected", described ? "true" : null);
    setAttribute(this.scroll, "aria-activedescendant", lanes ? (described ? this.option.id : null) : this.rows.idOf(state.selected));
    const middle = minimapX(scene, (state.window.from + state.window.to) / 2) / scene.width;
    setAttribute(this.minimap, "aria-valuenow", Math.round(middle * 100));
    setAttribute(this.minimap, "aria-valuetext", describeWindow(scene));
  }
}

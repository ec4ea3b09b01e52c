// The strip chart: one bar a call, its window by origin; what fell out of it as a ghost above, marks for cuts and failures.

import { h } from "./dom.ts";
import { formatCount, formatTokenTick } from "./format.ts";
import { categoryColours } from "./palette.ts";
import type { Theme } from "./theme.ts";
import { ORIGINS, estimateTokens, type Composition, type Origin, type Presence, type Story } from "./conversation_story.ts";

export const STRIP_HEIGHT = 148;
const LEFT = 58;
const TOP = 20;
const BOTTOM = 18;
const PRESENCE = 12;
const MOST_BAR = 54;
const MOST_STEP = 96;

const ORIGIN_COLOURS: Record<Origin, number> = { system: 4, user: 3, agent: 2, memory: 6, summary: 5, assistant: 0, tool: 1, other: 9 };

export const ORIGIN_WORDS: Record<Origin, string> = {
  system: "instructions", user: "user", agent: "brief by an agent", memory: "memory file", summary: "summary", assistant: "model", tool: "tool result", other: "other",
};

export function originColour(origin: Origin, theme: Theme): string {
  return categoryColours(theme.name)[ORIGIN_COLOURS[origin]];
}

export interface StripData {
  story: Story;
  composition: Composition;
  presence: Presence | null;
  selected: number;
  hovered: number;
}

interface Bar {
  call: number;
  x: number;
  width: number;
}

export class WindowStrip {
  readonly element: HTMLElement;
  readonly canvas = h("canvas", { class: "al-windows-canvas", "aria-hidden": "true" });
  private width = 0;
  private heights: Float64Array = new Float64Array(0);
  private most = 1;
  private inTokens = true;

  constructor() {
    this.element = h("div", { class: "al-windows", role: "slider", tabindex: 0, "aria-label": "Model call", "aria-orientation": "horizontal" }, this.canvas);
  }

  // How tall each bar is: input tokens where every call has them, else characters.
  measure(story: Story, composition: Composition): void {
    this.inTokens = story.calls.some((call) => call.input_tokens !== null);
    this.heights = Float64Array.from(story.calls, (call, at) => (this.inTokens ? call.input_tokens ?? 0 : composition.total[at]));
    this.most = this.heights.reduce((most, height) => Math.max(most, height), 1);
  }

  get unit(): string {
    return this.inTokens ? "input tokens" : "characters, for no call has its tokens measured";
  }

  callAt(x: number, calls: number): number {
    if (x < LEFT || calls === 0) return -1;
    const call = Math.floor((x - LEFT) / this.step(calls));
    return call < calls ? call : -1;
  }

  private step(calls: number): number {
    return Math.min(MOST_STEP, (this.width - LEFT - 8) / Math.max(1, calls));
  }

  private bar(call: number, calls: number): Bar {
    const step = this.step(calls);
    const width = Math.max(1, Math.min(MOST_BAR, step > 6 ? step * 0.8 : step));
    return { call, x: LEFT + call * step + (step - width) / 2, width };
  }

  draw(data: StripData, theme: Theme): void {
    const { canvas } = this;
    this.width = this.element.clientWidth;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(this.width * scale);
    canvas.height = Math.round(STRIP_HEIGHT * scale);
    canvas.style.height = `${STRIP_HEIGHT}px`;
    const context = canvas.getContext("2d")!;
    context.scale(scale, scale);
    context.font = `11px ${theme.font}`;
    this.drawAxis(context, theme);
    const calls = data.story.calls.length;
    for (let call = 0; call < calls; call++) this.drawCall(context, this.bar(call, calls), data, theme);
    this.drawNumbers(context, data, theme);
  }

  private get floor(): number {
    return STRIP_HEIGHT - BOTTOM - PRESENCE;
  }

  private y(height: number): number {
    return this.floor - (height / this.most) * (this.floor - TOP);
  }

  private drawAxis(context: CanvasRenderingContext2D, theme: Theme): void {
    context.textAlign = "right";
    context.textBaseline = "middle";
    const step = roundStep(this.most / 3);
    for (let value = 0; value <= this.most; value += step) {
      const y = Math.round(this.y(value)) + 0.5;
      context.strokeStyle = theme.grid;
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(this.width, y);
      context.stroke();
      context.fillStyle = theme.dim;
      context.fillText(value === 0 ? "0" : formatTokenTick(value), LEFT - 8, y);
    }
  }

  private drawCall(context: CanvasRenderingContext2D, bar: Bar, data: StripData, theme: Theme): void {
    const { story, presence } = data;
    const { call, x, width } = bar;
    if (call === data.selected || call === data.hovered) {
      context.fillStyle = call === data.selected ? theme.band : theme.hover;
      context.fillRect(x - 3, 0, width + 6, STRIP_HEIGHT);
    }
    this.drawLayers(context, bar, data, theme);
    const cut = story.cuts?.find((found) => found.call === call);
    if (cut) this.drawGhost(context, bar, data, theme, cut.summary !== null);
    if (story.calls[call].is_error) drawCross(context, x + width / 2, 9, theme.error);
    if (presence) this.drawPresence(context, bar, presence, theme);
    if (call === data.selected) {
      context.strokeStyle = theme.accent;
      context.lineWidth = 2;
      context.strokeRect(x - 2, this.y(this.heights[call]) - 2, width + 4, this.floor - this.y(this.heights[call]) + 3);
      context.lineWidth = 1;
    }
  }

  private drawLayers(context: CanvasRenderingContext2D, bar: Bar, data: StripData, theme: Theme): void {
    const { story, composition } = data;
    const total = composition.total[bar.call];
    const height = this.heights[bar.call];
    const { unlogged } = estimateTokens(story, bar.call, total);
    const hidden = this.inTokens ? (total > 0 ? unlogged : height) : 0;
    let y = this.floor;
    const layer = (size: number, colour: string) => {
      const next = y - (size / this.most) * (this.floor - TOP);
      context.fillStyle = colour;
      context.fillRect(bar.x, next, bar.width, y - next);
      y = next;
    };
    // A bar too narrow for an outline is darker instead.
    const isNarrow = bar.width < 5;
    context.globalAlpha = isNarrow ? 0.4 : 1;
    layer(hidden, isNarrow ? theme.dim : theme.grid);
    context.globalAlpha = 1;
    for (let at = 0; total > 0 && at < ORIGINS.length; at++) {
      layer((composition.characters[bar.call * ORIGINS.length + at] / total) * (height - hidden), originColour(ORIGINS[at], theme));
    }
    if (hidden > 0) outline(context, bar.x, this.y(hidden), bar.width, this.floor - this.y(hidden), theme.dim);
    const cached = story.calls[bar.call].cache_read_input_tokens ?? 0;
    if (this.inTokens && cached > 0) hatch(context, bar.x, this.y(Math.min(cached, height)), bar.width, this.floor - this.y(Math.min(cached, height)), theme.background);
  }

  // What the window before held and this one does not, drawn over the bar.
  private drawGhost(context: CanvasRenderingContext2D, bar: Bar, data: StripData, theme: Theme, isCompaction: boolean): void {
    const { story, composition } = data;
    const before = estimateTokens(story, Math.max(0, bar.call - 1), composition.total[bar.call - 1] ?? 0);
    const size = this.inTokens ? composition.gone[bar.call] * (before.perCharacter ?? 0) : composition.gone[bar.call];
    const top = Math.max(TOP, this.y(this.heights[bar.call] + size));
    const y = this.y(this.heights[bar.call]);
    context.strokeStyle = theme.error;
    context.setLineDash([3, 2]);
    if (y - top > 2) context.strokeRect(bar.x + 0.5, top + 0.5, Math.max(1, bar.width - 1), y - top - 2);
    context.setLineDash([]);
    const middle = bar.x + bar.width / 2;
    context.fillStyle = isCompaction ? theme.error : theme.finding;
    context.beginPath();
    context.moveTo(middle - 5, 5);
    context.lineTo(middle + 5, 5);
    context.lineTo(middle, 13);
    context.fill();
  }

  private drawPresence(context: CanvasRenderingContext2D, bar: Bar, presence: Presence, theme: Theme): void {
    const y = this.floor + 4;
    const isThere = presence.counts[bar.call] > 0;
    context.fillStyle = isThere ? theme.accent : theme.grid;
    context.fillRect(bar.x, y, bar.width, 6);
    if (presence.lostAt === bar.call) drawCross(context, bar.x + bar.width / 2, y + 3, theme.error);
  }

  private drawNumbers(context: CanvasRenderingContext2D, data: StripData, theme: Theme): void {
    const { calls } = data.story;
    const step = this.step(calls.length);
    const every = Math.max(1, Math.ceil(34 / step));
    const round = every <= 1 ? 1 : [2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000].find((number) => number >= every) ?? every;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    calls.forEach((call, at) => {
      const isChosen = at === data.selected;
      const near = data.selected >= 0 && Math.abs(at - data.selected) * step < 30;
      if (!isChosen && (near && round > 1 || (call.number % round !== 0 && at !== 0))) return;
      context.fillStyle = isChosen ? theme.accent : theme.dim;
      context.font = `${isChosen ? "bold " : ""}11px ${theme.font}`;
      const text = formatCount(call.number);
      const half = context.measureText(text).width / 2 + 2;
      context.fillText(text, Math.min(LEFT + at * step + step / 2, this.width - half), STRIP_HEIGHT - 5);
    });
  }
}

// The round number at or above a size: 1, 2 or 5 with zeros.
export function roundStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, size)));
  return power * ([1, 2, 5, 10].find((digit) => digit * power >= size) ?? 10);
}

function outline(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string): void {
  if (width < 4) return;
  context.save();
  context.globalAlpha = 0.5;
  context.strokeStyle = colour;
  context.setLineDash([2, 2]);
  context.strokeRect(x + 0.5, y + 0.5, width - 1, Math.max(0, height - 1));
  context.restore();
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = 0.45;
  context.strokeStyle = colour;
  context.beginPath();
  for (let at = -height; at < width; at += 5) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}

function drawCross(context: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x - 3.5, y - 3.5);
  context.lineTo(x + 3.5, y + 3.5);
  context.moveTo(x + 3.5, y - 3.5);
  context.lineTo(x - 3.5, y + 3.5);
  context.stroke();
  context.lineWidth = 1;
}

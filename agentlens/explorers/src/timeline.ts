// Painting the timeline: one bar a visible row (tree), or every span in its agent's lanes.

import { barBox, barColour, drawBar, drawFlag, drawOnBar, fitText, PENNANT, pennantOf, STOP, textWidth, xOf, type Box, type Scene } from "./bars.ts";
import type { BlockedStretch } from "./columns.ts";
import { FLAG } from "./columns.ts";
import { formatCost, formatDuration, formatTokens } from "./format.ts";
import { firstRunningAt, firstStartingAt, type AgentLanes, type Packing } from "./lanes.ts";
import { drawGaps, listTicks, zeroOf } from "./time_strip.ts";

export const ROW = 24;
export const LANE = 18;
// Air around each agent's lanes.
export const GAP = 12;
const LANES_LEAST = 28;

export function drawGrid(scene: Scene): void {
  const { context, state, theme, width, height } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  if (!state.timed) return drawNothingSpent(scene);
  drawGaps(scene, height);
  context.fillStyle = theme.grid;
  for (const { x } of listTicks(scene, 90, zeroOf(scene)).ticks) context.fillRect(x, 0, 1, height);
}

// An axis of tokens or money on which nothing was spent.
function drawNothingSpent({ context, state, theme }: Scene): void {
  if (state.axis === "time") return;
  context.fillStyle = theme.dim;
  context.fillText(`No ${state.axis === "cost" ? "money" : "tokens"} recorded here: there is no length to draw.`, 12, 18);
}

// `top`: scroll position in px. Says how many bars were drawn.
export function drawTreeBars(scene: Scene, top: number): number {
  const { state, context, theme, width, height } = scene;
  const first = Math.floor(top / ROW);
  let drawn = 0;
  for (let at = first; at < state.visible.length && (at - first - 1) * ROW < height; at++) {
    const row = state.visible[at];
    const y = at * ROW - top;
    if (row === state.selected || row === state.hovered) {
      context.fillStyle = row === state.selected ? theme.band : theme.hover;
      context.fillRect(0, y, width, ROW);
    }
    for (const stretch of state.blockedIn(row)) drawTrouble(scene, stretch, y + 1, ROW - 2, xOf(scene, state.last[row]) + 80);
    const box = barBox(scene, row, y + 5, ROW - 10);
    if (!box) {
      if (!state.isWeightless(row)) drawOutside(scene, row, y);
      continue;
    }
    drawBar(scene, row, box);
    drawNumber(scene, row, box);
    drawn++;
  }
  if (state.timed) drawTreeHandoffs(scene, top);
  return drawn;
}

// From a row down to each row below it that is another agent's work, where its bar begins.
function drawTreeHandoffs(scene: Scene, top: number): void {
  const { state, context, theme, height, width } = scene;
  const first = Math.floor(top / ROW);
  // How far the line from each row above is drawn already: many tips share one line.
  const drawn = new Map<number, number>();
  for (let at = first; at < state.visible.length && (at - first - 1) * ROW < height; at++) {
    const row = state.visible[at];
    const x = xOf(scene, state.columns.start[row]) + 4;
    if (!state.isHandoff(row) || !(x > 0 && x < width)) continue;
    const above = state.shape.parent[row];
    const from = drawn.get(above) ?? Math.max(state.placeOf[above] * ROW - top + ROW - 5, -ROW);
    const to = at * ROW - top + 5;
    drawn.set(above, to);
    context.globalAlpha = 0.4;
    context.fillStyle = theme.accent;
    context.fillRect(x - 0.5, from, 1, to - from - 6);
    context.globalAlpha = 1;
    drawTip(scene, x, to, 1);
  }
}

// A bar beyond the window leaves an arrow at the edge it went over.
function drawOutside(scene: Scene, row: number, y: number): void {
  const { state, context, theme, width } = scene;
  const start = state.columns.start[row];
  context.fillStyle = theme.dim;
  if (Number.isNaN(start)) return context.fillText("no time recorded", 6, y + ROW / 2);
  const left = start < state.window.from;
  context.globalAlpha = 0.6;
  context.beginPath();
  const tip = left ? 3 : width - 3;
  const base = left ? 8 : width - 8;
  context.moveTo(tip, y + ROW / 2);
  context.lineTo(base, y + ROW / 2 - 3.5);
  context.lineTo(base, y + ROW / 2 + 3.5);
  context.fill();
  context.globalAlpha = 1;
}

export function weightText(state: Scene["state"], row: number, kind = state.weight): string {
  const weight = state.weightOf(row, kind);
  if (kind === "tokens") return formatTokens(weight);
  if (kind === "cost") return formatCost(weight);
  return state.columns.flags[row] & FLAG.unfinished ? "unfinished" : formatDuration(weight);
}

// What the bar's length stands for, beside it: after it, else before it, else inside.
function drawNumber(scene: Scene, row: number, box: Box): void {
  const { state, context, theme, width } = scene;
  const unfinished = state.axis === "time" && (state.columns.flags[row] & FLAG.unfinished) !== 0;
  const text = weightText(state, row, state.axis);
  if (!text) return;
  const room = textWidth(context, text) + 6;
  const y = box.y + box.height / 2 + 0.5;
  const stop = state.chain.includes(row) ? STOP : 0;
  const after = Math.max(box.x + box.width + (unfinished ? 28 : 0), box.x + stop);
  context.fillStyle = theme.dim;
  if (after + room < width) context.fillText(text, after + 5, y);
  else if (box.x - stop > room) context.fillText(text, box.x - stop - room, y);
  else drawOnBar(scene, row, box, text, Math.max(stop, box.x) + stop + 6);
}

export function agentTop(packing: Packing, at: number): number {
  let y = 0;
  for (let k = 0; k < at; k++) y += agentHeight(packing.agents[k]);
  return y;
}

export function agentHeight(agent: AgentLanes): number {
  return Math.max(agent.lanes.length * LANE + GAP, LANES_LEAST);
}

export function lanesHeight(packing: Packing): number {
  return packing.agents.reduce((sum, agent) => sum + agentHeight(agent), 0);
}

// The middle of a row's lane, from the top of all lanes.
export function laneY(packing: Packing, row: number): number {
  const lane = packing.laneOf[row];
  let y = 0;
  for (const agent of packing.agents) {
    if (lane < agent.top + agent.lanes.length) return y + GAP / 2 + (lane - agent.top) * LANE + LANE / 2;
    y += agentHeight(agent);
  }
  return -1;
}

export function drawLaneBars(scene: Scene, top: number): number {
  const { state, context, theme, width, height } = scene;
  const packing = state.lanes();
  let y = -top;
  let drawn = 0;
  packing.agents.forEach((agent, at) => {
    const tall = agentHeight(agent);
    if (y < height && y + tall > 0) {
      if (at % 2) {
        context.fillStyle = theme.hover;
        context.fillRect(0, y, width, tall);
      }
      drawBlocked(scene, agent, y, tall);
      drawn += drawAgent(scene, agent, y);
    }
    y += tall;
  });
  if (state.timed) drawLinks(scene, packing, top);
  return drawn;
}

function drawAgent(scene: Scene, agent: AgentLanes, y: number): number {
  const { marks, matches, found } = scene.state.laneLists();
  let drawn = 0;
  agent.lanes.forEach((rows, lane) => {
    const laneTop = y + GAP / 2 + lane * LANE + 1;
    if (laneTop > scene.height || laneTop + LANE < 0) return;
    drawn += drawLane(scene, rows, laneTop);
    drawn += drawLane(scene, marks[agent.top + lane], laneTop);
    if (matches) drawn += drawLane(scene, matches[agent.top + lane], laneTop);
    drawThinFindings(scene, found[agent.top + lane], laneTop);
  });
  return drawn;
}

// Bars of one pixel: neighbours of one colour become one bar.
class ThinBars {
  private from = 0;
  private to = -1;
  private colour = "";
  private alpha = 1;

  constructor(private context: CanvasRenderingContext2D, private y: number) {}

  add(pixel: number, colour: string, alpha: number): void {
    if (pixel !== this.to || colour !== this.colour || alpha !== this.alpha) {
      this.flush();
      this.from = pixel;
      this.colour = colour;
      this.alpha = alpha;
    }
    this.to = pixel + 1;
  }

  flush(): void {
    const { context } = this;
    context.globalAlpha = this.alpha;
    if (this.to > this.from) {
      context.fillStyle = this.colour;
      context.fillRect(this.from, this.y, this.to - this.from, LANE - 3);
    }
    this.to = this.from = -1;
    context.globalAlpha = 1;
  }
}

// The spans of one lane. Where spans are thinner than a pixel, one stands for all that share the pixel.
function drawLane(scene: Scene, rows: Int32Array, y: number): number {
  const { state, context, width } = scene;
  const { start } = state.columns;
  const { from, to } = state.window;
  const perPixel = (to - from) / width;
  const emphasis = state.emphasis();
  const thin = new ThinBars(context, y);
  let drawn = 0;
  for (let at = firstRunningAt(rows, start, state.last, from); at < rows.length && start[rows[at]] <= to; drawn++) {
    const row = rows[at];
    if (state.isWeightless(row)) {
      at++;
      continue;
    }
    if ((state.last[row] - start[row]) / perPixel >= 1.5 || row === state.selected) {
      const box = barBox(scene, row, y, LANE - 3);
      if (box) drawLabelled(scene, row, box);
      at++;
      continue;
    }
    const pixel = Math.floor((start[row] - from) / perPixel);
    thin.add(pixel, barColour(scene, row), emphasis && !emphasis[row] ? 0.22 : 1);
    at = firstStartingAt(rows, start, from + (pixel + 1) * perPixel, at + 1);
  }
  thin.flush();
  return drawn;
}

// Spans too thin for a pennant of their own share one, which tells of the worst; infos wait until there is room for them.
function drawThinFindings(scene: Scene, rows: Int32Array, y: number): void {
  const { state, width } = scene;
  const { start, flags } = state.columns;
  const { from, to } = state.window;
  const perPixel = (to - from) / width;
  let at = firstStartingAt(rows, start, from);
  while (at < rows.length && start[rows[at]] <= to) {
    const began = start[rows[at]];
    let worst = 0;
    for (; at < rows.length && start[rows[at]] < began + perPixel * PENNANT; at++) if ((state.last[rows[at]] - start[rows[at]]) / perPixel < 1.5) worst |= flags[rows[at]];
    if (worst & (FLAG.findingCritical | FLAG.findingWarning)) drawFlag(scene, { x: xOf(scene, began), y, width: 1, height: LANE - 3 }, worst);
  }
}

// The name without its operation, which the colour says: there is little room.
export function shortName({ header, columns }: Scene["state"], row: number): string {
  const { name, operation } = header.dictionaries;
  const [full, kind] = [name[columns.name[row]], operation[columns.operation[row]]];
  return kind && full.startsWith(`${kind} `) ? full.slice(kind.length + 1) : full;
}

function drawLabelled(scene: Scene, row: number, box: Box): void {
  const { state, context } = scene;
  drawBar(scene, row, box);
  const left = Math.max(box.x, 0) + 4 + pennantOf(scene, row);
  const text = fitText(context, shortName(state, row), box.x + box.width - left - 3);
  if (!text) return;
  drawOnBar(scene, row, box, text, left);
}

const MOST_LINKS = 200;

// The stretches in which an agent said that it was in trouble: a hatched ground with the word it used.
function drawBlocked(scene: Scene, agent: AgentLanes, y: number, tall: number): void {
  const { state } = scene;
  const name = state.header.dictionaries.agent[agent.agent];
  if (state.axis === "time") for (const stretch of state.header.blocked ?? []) if (stretch.agent === name) drawTrouble(scene, stretch, y, tall);
}

// A hatched ground with the word the agent used, which stands right of `clear`.
function drawTrouble(scene: Scene, stretch: BlockedStretch, y: number, tall: number, clear = -Infinity): void {
  const { context, state, theme, width } = scene;
  const [left, right] = [xOf(scene, state.clock.show(stretch.from)), xOf(scene, state.clock.show(stretch.to))];
  if (right < 0 || left > width) return;
  const from = Math.max(left, -4);
  const room = Math.max(Math.min(right, width + 4) - from, 3);
  context.globalAlpha = 0.16;
  context.fillStyle = context.strokeStyle = theme.finding;
  context.lineWidth = 1;
  context.fillRect(from, y, room, tall);
  context.globalAlpha = 0.9;
  context.setLineDash([3, 3]);
  context.strokeRect(from + 0.5, y + 0.5, room - 1, tall - 1);
  context.setLineDash([]);
  const x = Math.max(from, clear) + 4;
  const text = fitText(context, stretch.detail ? `${stretch.status}: ${stretch.detail}` : stretch.status, from + room - x - 4);
  if (text) context.fillText(text, x, tall < LANES_LEAST ? y + tall / 2 + 0.5 : y + tall - 5);
  context.globalAlpha = 1;
}

// Every handing over in sight: where a row's parent stands in another agent's lanes. Faint, and none when there are too many.
function drawHandoffs(scene: Scene, packing: Packing, top: number): void {
  const { state } = scene;
  const { from, to } = state.window;
  const shown = state.handoffs().filter((row) => state.columns.start[row] >= from && state.columns.start[row] <= to);
  if (shown.length > MOST_LINKS) return;
  scene.context.globalAlpha = 0.4;
  for (const row of shown) drawLink(scene, packing, state.shape.parent[row], row, top);
  scene.context.globalAlpha = 1;
}

// From the selected span's parent to it, and from it to its children: the handoffs between agents' lanes.
function drawLinks(scene: Scene, packing: Packing, top: number): void {
  const { state } = scene;
  drawHandoffs(scene, packing, top);
  const row = state.selected;
  if (row < 0 || packing.laneOf[row] < 0) return;
  drawLink(scene, packing, state.shape.parent[row], row, top);
  let links = 0;
  for (let child = row + 1; child < state.columns.end[row] && links < MOST_LINKS; child++) {
    if (state.shape.parent[child] !== row || state.shape.hidden[child]) continue;
    drawLink(scene, packing, row, child, top);
    links++;
  }
}

function drawLink(scene: Scene, packing: Packing, from: number, to: number, top: number): void {
  const { state } = scene;
  if (from < 0 || packing.laneOf[from] < 0 || packing.laneOf[to] < 0 || state.agents[from] === state.agents[to]) return;
  const x = xOf(scene, state.columns.start[to]);
  if (x < -4 || x > scene.width + 4) return;
  const half = LANE / 2 - 2;
  const down = packing.laneOf[to] > packing.laneOf[from] ? 1 : -1;
  drawArrow(scene, x, laneY(packing, from) - top + down * half, laneY(packing, to) - top - down * (half + 1));
}

function drawArrow(scene: Scene, x: number, y0: number, y1: number): void {
  const { context, theme } = scene;
  const down = y1 > y0 ? 1 : -1;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, y0);
  context.lineTo(x, y1);
  context.stroke();
  drawTip(scene, x, y1, down);
}

function drawTip({ context, theme }: Scene, x: number, y: number, down: number): void {
  context.fillStyle = theme.accent;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 4, y - 6 * down);
  context.lineTo(x + 4, y - 6 * down);
  context.fill();
}

// Which span lies under a point of the lanes.
export function rowAtLane(scene: Scene, x: number, y: number): number {
  const { state } = scene;
  let above = 0;
  for (const agent of state.lanes().agents) {
    const tall = agentHeight(agent);
    if (y < above + tall) {
      const rows = agent.lanes[Math.floor((y - above - GAP / 2) / LANE)];
      return rows ? rowAtTime(scene, rows, x) : -1;
    }
    above += tall;
  }
  return -1;
}

function rowAtTime(scene: Scene, rows: Int32Array, x: number): number {
  const { state } = scene;
  const { from, to } = state.window;
  const perPixel = (to - from) / scene.width;
  const time = from + x * perPixel;
  const { start } = state.columns;
  const at = firstRunningAt(rows, start, state.last, time - 2 * perPixel);
  return at < rows.length && start[rows[at]] <= time + 2 * perPixel ? rows[at] : -1;
}

// The strip above the timeline: a minimap of all time with the window in it, and the time axis of the window.

import { BUCKETS } from "./activity.ts";
import { textWidth, xOf, type Scene } from "./bars.ts";
import { formatClock, formatCost, formatDate, formatDuration, formatTick, formatTokenTick } from "./format.ts";
import { chooseRound, chooseStep, placeTicks } from "./ticks.ts";

export const MINIMAP = 36;
export const AXIS = 34;

export function minimapX(scene: Scene, time: number): number {
  const { from, to } = scene.state.limits;
  return ((time - from) / (to - from)) * scene.width;
}

export function minimapTime(scene: Scene, x: number): number {
  const { from, to } = scene.state.limits;
  return from + (x / scene.width) * (to - from);
}

export function drawMinimap(scene: Scene): void {
  const { context, state, theme, width } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, MINIMAP);
  if (!state.timed) return;
  const { running, most, errors } = state.activity();
  const step = width / BUCKETS;
  context.beginPath();
  context.moveTo(0, MINIMAP);
  for (let at = 0; at < BUCKETS; at++) {
    const y = MINIMAP - (running[at] / (most || 1)) * (MINIMAP - 10);
    context.lineTo(at * step, y);
    context.lineTo((at + 1) * step, y);
  }
  context.lineTo(width, MINIMAP);
  context.globalAlpha = 0.45;
  context.fillStyle = theme.dim;
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = theme.error;
  for (let at = 0; at < BUCKETS; at++) if (errors[at]) context.fillRect(at * step, 2, Math.max(step, 1.5), 5);
  drawBrush(scene);
}

function drawBrush(scene: Scene): void {
  const { context, theme, width, state } = scene;
  const left = Math.max(0, minimapX(scene, state.window.from));
  const right = Math.min(width, Math.max(minimapX(scene, state.window.to), left + 2));
  context.fillStyle = theme.background;
  context.globalAlpha = 0.65;
  context.fillRect(0, 0, left, MINIMAP);
  context.fillRect(right, 0, width - right, MINIMAP);
  context.globalAlpha = 1;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, 0.5, Math.max(right - left - 1, 1), MINIMAP - 1);
  context.fillStyle = theme.accent;
  for (const x of [left, right - 3]) context.fillRect(x, MINIMAP / 2 - 8, 3, 16);
}

export interface Tick {
  x: number;
  real: number;
}

// Round moments of real time in the window, at most one every `room` px, counted from `zero`.
export function listTicks(scene: Scene, room: number, zero: number): { ticks: Tick[]; step: number } {
  const { clock, window, axis } = scene.state;
  const step = (axis === "time" ? chooseStep : chooseRound)(window.to - window.from, scene.width / room);
  const [from, to] = [clock.tell(window.from), clock.tell(window.to)];
  const moments = clock.segments.length < 2 ? placeTicks(from, to, step, zero)
    : clock.segments.filter((segment) => segment.to >= from && segment.from <= to).flatMap((segment) =>
      placeTicks(Math.max(from, segment.from), Math.min(to, segment.to), step, zero));
  return { ticks: moments.map((real) => ({ x: Math.round(xOf(scene, clock.show(real))), real })), step };
}

// The first moment in scope, as logged.
export function zeroOf(scene: Scene): number {
  return scene.state.clock.tell(scene.state.limits.from);
}

// A stretch of the axis in words: a length of time, tokens, or money.
function formatStretch({ state: { axis } }: Scene, length: number, isTick = false): string {
  if (axis === "tokens") return formatTokenTick(Math.round(length)) || "0";
  if (axis === "cost") return formatCost(length / 1e6);
  return `${length > 0 ? "+" : ""}${isTick ? formatTick(length) : formatDuration(Math.max(0, length))}`;
}

// Two lines: time since the start above the grid, and the UTC wall clock; or what was spent up to there.
export function drawAxis(scene: Scene, cursor: number | null): void {
  const { context, state, theme, width } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, AXIS);
  if (!state.timed) return;
  drawGaps(scene, AXIS);
  const zero = zeroOf(scene);
  context.fillStyle = theme.text;
  let free = -Infinity;
  for (const { x, real } of listTicks(scene, 90, zero).ticks) {
    context.fillRect(x, AXIS - 6, 1, 6);
    free = writeTick(scene, real === zero ? "0" : formatStretch(scene, real - zero, true), x + 4, AXIS - 9, free);
  }
  drawClock(scene);
  if (cursor !== null) drawCursor(scene, cursor);
}

const DAY = 86_400_000;

function drawClock(scene: Scene): void {
  const { context, state, theme } = scene;
  const origin = state.header.origin_ms;
  context.fillStyle = theme.dim;
  if (state.axis !== "time") return void writeTick(scene, `${state.axis} spent, in the order of the tree`, 4, 8, 0);
  if (origin === null) return;
  const { ticks, step } = listTicks(scene, 130, -origin);
  // Where idle time is skipped, each stretch says when it begins.
  const begins = state.clock.gaps.map(({ to }) => ({ x: Math.round(xOf(scene, to)), real: state.clock.tell(to) }));
  const all = [...ticks, ...begins.filter(({ x }) => x >= 0)].sort((a, b) => a.x - b.x);
  context.fillStyle = theme.dim;
  let free = -Infinity, written = "";
  for (const { x, real } of all) {
    context.fillRect(x, 0, 1, 5);
    const clock = formatClock(origin + real, begins.length ? Math.min(step, 60_000) : step);
    // The day stands with the first time of it, where there is room.
    const day = formatDate(origin + real);
    const after = day === written ? free : writeTick(scene, clock === day || step >= DAY && !begins.length ? day : `${day} ${clock}`, x + 4, 8, free);
    if (after !== free) written = day;
    free = after === free ? writeTick(scene, clock, x + 4, 8, free) : after;
  }
}

// Skipped idle time: a hatched strip.
export function drawGaps(scene: Scene, height: number): void {
  const { context, state, theme } = scene;
  context.fillStyle = theme.grid;
  context.strokeStyle = theme.dim;
  context.lineWidth = 1;
  for (const gap of state.clock.gaps) {
    const [left, right] = [xOf(scene, gap.from), xOf(scene, gap.to)];
    if (right < 0 || left > scene.width) continue;
    context.fillRect(left, 0, right - left, height);
    context.globalAlpha = 0.5;
    context.setLineDash([3, 4]);
    context.strokeRect(Math.round(left) + 0.5, -1, Math.round(right - left), height + 2);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }
}

// A label that would be cut off at the edge, or run into the one before or into skipped time, is left out. Says where the next
// one may begin.
function writeTick(scene: Scene, text: string, x: number, y: number, free: number): number {
  const { context, width, state } = scene;
  const end = x + textWidth(context, text);
  const isCut = state.clock.gaps.some((gap) => { const left = xOf(scene, gap.from); return left > x && left < end; });
  if (x < free || end >= width || isCut) return free;
  context.fillText(text, x, y);
  return end + 10;
}

function drawCursor(scene: Scene, x: number): void {
  const { context, state, theme, width } = scene;
  const { from, to } = state.window;
  const time = state.clock.tell(from + (x / width) * (to - from));
  const relative = formatStretch(scene, time - zeroOf(scene));
  const origin = state.header.origin_ms;
  const text = origin === null || state.axis !== "time" ? relative : `${formatClock(origin + time, Math.min(1, (to - from) / 1000))} · ${relative}`;
  const room = textWidth(context, text) + 10;
  const left = Math.min(Math.max(0, x - room / 2), width - room);
  context.fillStyle = theme.text;
  context.fillRect(left, 0, room, 17);
  context.fillStyle = theme.background;
  context.fillText(text, left + 5, 9);
}

// What the status line says about the window.
export function describeWindow(scene: Scene): string {
  const { state } = scene;
  if (!state.timed) return state.axis === "time" ? "no span here has a time" : `no ${state.axis === "cost" ? "money" : "tokens"} recorded`;
  const from = state.clock.tell(Math.max(state.window.from, state.limits.from));
  const to = state.clock.tell(Math.min(state.window.to, state.limits.to));
  if (state.axis !== "time") return `${formatStretch(scene, to - from)}${state.axis === "cost" ? "" : Math.round(to - from) === 1 ? " token" : " tokens"} on screen`;
  const length = formatDuration(to - from);
  const origin = state.header.origin_ms;
  if (origin === null) return `${length} shown`;
  const step = to - from > 600_000 ? 1000 : Math.min(1, (to - from) / 1000);
  const first = formatDate(origin + from);
  const second = formatDate(origin + to);
  const end = `${second === first ? "" : `${second} `}${formatClock(origin + to, step)}`;
  return `${first} ${formatClock(origin + from, step)} – ${end} UTC · ${length}`;
}

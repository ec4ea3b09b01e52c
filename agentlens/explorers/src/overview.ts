// The strip above the timeline: a minimap of all time with the window in it, and the time axis of the window.

import { BUCKETS } from "./activity.ts";
import { textWidth, xOf, type Scene } from "./bars.ts";
import { formatClock, formatDate, formatDuration, formatTick } from "./format.ts";
import { chooseStep, placeTicks } from "./ticks.ts";
import type { TimeWindow } from "./viewport.ts";

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

// Two lines: time since the start above the grid, and the UTC wall clock.
export function drawAxis(scene: Scene, cursor: number | null): void {
  const { context, state, theme, width } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, AXIS);
  if (!state.timed) return;
  const { from, to } = state.window;
  const zero = state.limits.from;
  const step = chooseStep(to - from, width / 90);
  context.fillStyle = theme.text;
  for (const tick of placeTicks(from, to, step, zero)) {
    const x = Math.round(xOf(scene, tick));
    context.fillRect(x, AXIS - 6, 1, 6);
    writeTick(scene, tick === zero ? "0" : `${tick > zero ? "+" : ""}${formatTick(tick - zero)}`, x + 4, AXIS - 9);
  }
  drawClock(scene, { from, to });
  if (cursor !== null) drawCursor(scene, cursor);
}

// A label that would be cut off at the edge is left out.
function writeTick({ context, width }: Scene, text: string, x: number, y: number): void {
  if (x + textWidth(context, text) < width) context.fillText(text, x, y);
}

function drawClock(scene: Scene, { from, to }: TimeWindow): void {
  const { context, state, theme, width } = scene;
  const origin = state.header.origin_ms;
  if (origin === null) return;
  const step = chooseStep(to - from, width / 130);
  context.fillStyle = theme.dim;
  for (const tick of placeTicks(from, to, step, -origin)) {
    const x = Math.round(xOf(scene, tick));
    context.fillRect(x, 0, 1, 5);
    writeTick(scene, formatClock(origin + tick, step), x + 4, 8);
  }
}

function drawCursor(scene: Scene, x: number): void {
  const { context, state, theme, width } = scene;
  const { from, to } = state.window;
  const time = from + (x / width) * (to - from);
  const relative = `+${formatDuration(Math.max(0, time - state.limits.from))}`;
  const origin = state.header.origin_ms;
  const text = origin === null ? relative : `${formatClock(origin + time, Math.min(1, (to - from) / 1000))} · ${relative}`;
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
  if (!state.timed) return "no span here has a time";
  const from = Math.max(state.window.from, state.limits.from);
  const to = Math.min(state.window.to, state.limits.to);
  const length = formatDuration(to - from);
  const origin = state.header.origin_ms;
  if (origin === null) return `${length} shown`;
  const step = to - from > 600_000 ? 1000 : Math.min(1, (to - from) / 1000);
  const first = formatDate(origin + from);
  const second = formatDate(origin + to);
  const end = `${second === first ? "" : `${second} `}${formatClock(origin + to, step)}`;
  return `${first} ${formatClock(origin + from, step)} – ${end} UTC · ${length}`;
}

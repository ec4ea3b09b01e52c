// Painting one span as a bar, and texts that fit.

import { isFailure } from "./activity.ts";
import { FLAG } from "./columns.ts";
import { showInline } from "./format.ts";
import type { Colouring, ThemeName } from "./palette.ts";
import type { Theme } from "./theme.ts";
import type { TreeState } from "./tree_state.ts";

export interface Scene {
  context: CanvasRenderingContext2D;
  state: TreeState;
  theme: Theme;
  colouring: Colouring;
  width: number;
  height: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const FADE = 26;
const DIMMED = 0.22;
const hatches = new Map<ThemeName, CanvasPattern | null>();

// Diagonal stripes over the error colour, so that an error is told by its texture too.
function errorHatch(scene: Scene): CanvasPattern | null {
  const { name, background } = scene.theme;
  const known = hatches.get(name);
  if (known) return known;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const context = tile.getContext("2d")!;
  context.strokeStyle = background;
  context.globalAlpha = 0.32;
  context.lineWidth = 1.6;
  context.beginPath();
  for (const shift of [-6, 0, 6]) {
    context.moveTo(shift - 1, 7);
    context.lineTo(shift + 7, -1);
  }
  context.stroke();
  const pattern = scene.context.createPattern(tile, "repeat");
  hatches.set(name, pattern);
  return pattern;
}

export function barColour(scene: Scene, row: number): string {
  if (isFailure(scene.state.columns, row)) return scene.theme.error;
  return scene.colouring.colours[scene.colouring.codes[row]];
}

export function xOf(scene: Scene, time: number): number {
  const { from, to } = scene.state.window;
  return ((time - from) / (to - from)) * scene.width;
}

// Where a row's bar stands, cut to the canvas so that huge coordinates never reach it.
export function barBox(scene: Scene, row: number, y: number, height: number): Box | null {
  const { columns, last } = scene.state;
  const x0 = xOf(scene, columns.start[row]);
  const x1 = Math.max(xOf(scene, last[row]), x0 + 2);
  const tail = isFading(scene, row) ? FADE : 0;
  if (scene.state.isWeightless(row) || Number.isNaN(x0) || x1 + tail < 0 || x0 > scene.width) return null;
  const x = Math.max(x0, -8);
  return { x, y, width: Math.min(x1, scene.width + 8) - x, height };
}

function fillBox({ context }: Scene, box: Box): void {
  if (box.width < 5) return context.fillRect(box.x, box.y, box.width, box.height);
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, 2.5);
  context.fill();
}

function strokeBox({ context }: Scene, box: Box, colour: string, width: number, dash: number[] = []): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  context.roundRect(box.x - width / 2, box.y - width / 2, box.width + width, box.height + width, 3);
  context.stroke();
  context.setLineDash([]);
}

function isFading({ state }: Scene, row: number): boolean {
  return state.axis === "time" && (state.columns.flags[row] & FLAG.unfinished) !== 0;
}

// An unfinished span fades out where its last sign of life was: nobody knows how long it ran on.
function fadeOut(scene: Scene, box: Box, colour: string): void {
  const { context } = scene;
  const x = box.x + box.width;
  const gradient = context.createLinearGradient(x, 0, x + FADE, 0);
  gradient.addColorStop(0, colour);
  gradient.addColorStop(1, "transparent");
  context.fillStyle = gradient;
  for (let strip = 0; strip < 4; strip++) {
    const height = box.height / 4;
    context.fillRect(x - 1, box.y + strip * height, FADE - (strip % 2) * 7, height - 0.5);
  }
}

// Whether a bar steps back: others were searched for, or are part of the chain that is shown.
function isDimmed({ state }: Scene, row: number): boolean {
  const emphasis = state.emphasis();
  return emphasis !== null && !emphasis[row] && row !== state.selected;
}

export function drawBar(scene: Scene, row: number, box: Box): void {
  const { context, state, theme } = scene;
  const flags = state.columns.flags[row];
  context.globalAlpha = isDimmed(scene, row) ? DIMMED : 1;
  const colour = barColour(scene, row);
  context.fillStyle = colour;
  fillBox(scene, box);
  drawIdle(scene, row, box);
  if (isFading(scene, row)) fadeOut(scene, box, colour);
  if (isFailure(state.columns, row)) {
    const hatch = errorHatch(scene);
    if (hatch) context.fillStyle = hatch;
    fillBox(scene, box);
  }
  if (flags & FLAG.controlFlow) strokeBox(scene, box, theme.dim, 1, [3, 2]);
  if (flags & FLAG.critical) {
    context.fillStyle = theme.text;
    context.fillRect(box.x, box.y + box.height - 2, box.width, 2);
  }
  if (flags & FLAG.finding) drawFlag(scene, box, flags);
  if (row === state.selected) strokeBox(scene, box, theme.accent, 2);
  else if (row === state.hovered) strokeBox(scene, box, theme.text, 1);
  context.globalAlpha = 1;
}

// Where an agent's run had nothing running below it, its bar is hollow.
function drawIdle(scene: Scene, row: number, box: Box): void {
  const { context, theme } = scene;
  const alpha = context.globalAlpha;
  context.fillStyle = theme.background;
  context.globalAlpha = alpha * 0.72;
  for (const hollow of hollowsOf(scene, row, box)) context.fillRect(hollow.x, hollow.y, hollow.width, hollow.height);
  context.globalAlpha = alpha;
}

export function hollowsOf(scene: Scene, row: number, box: Box): Box[] {
  if (box.width < 12) return [];
  return scene.state.idleStretches(row).map(([from, to]) => {
    const left = Math.max(xOf(scene, from), box.x);
    return { x: left, y: box.y + 2.5, width: Math.min(xOf(scene, to), box.x + box.width) - left, height: box.height - 5 };
  }).filter(({ width }) => width >= 2);
}

// A text on a bar. Where the bar is hollow or hatched, it stands in the page's colours with a rim around the letters; on one that steps back it does so too.
export function drawOnBar(scene: Scene, row: number, box: Box, text: string, x: number): void {
  const { context, theme, state } = scene;
  const y = box.y + box.height / 2 + 0.5;
  const isPlain = !isFailure(state.columns, row) && hollowsOf(scene, row, box).length === 0;
  if (isDimmed(scene, row)) context.fillStyle = theme.dim;
  else if (isPlain) context.fillStyle = theme.onBar;
  else drawRim(scene, text, x, y);
  context.fillText(text, x, y);
}

function drawRim({ context, theme }: Scene, text: string, x: number, y: number): void {
  context.strokeStyle = theme.background;
  context.fillStyle = theme.text;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeText(text, x, y);
}

export const PENNANT = 9;

// Half the width of a numbered stop of the chain.
export const STOP = 8;

// How far what stands at a bar's beginning (a finding's pennant, a stop of the chain) reaches into it.
export function pennantOf(scene: Scene, row: number): number {
  if (scene.state.chain.includes(row)) return STOP + 3;
  return scene.state.columns.flags[row] & FLAG.finding ? PENNANT + 2 : 0;
}

// A small pennant on the bar's left edge: something was found here. A critical one is red and has two points.
export function drawFlag({ context, theme }: Scene, box: Box, flags: number): void {
  const x = Math.max(box.x, 0);
  const isCritical = (flags & FLAG.findingCritical) !== 0;
  context.fillStyle = isCritical ? theme.error : flags & FLAG.findingWarning ? theme.finding : theme.dim;
  context.strokeStyle = theme.background;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, box.y - 4);
  context.lineTo(x + PENNANT, isCritical ? box.y - 4 : box.y + 1);
  if (isCritical) context.lineTo(x + 6, box.y + 1);
  context.lineTo(isCritical ? x + PENNANT : x, box.y + 6);
  context.lineTo(x, box.y + 6);
  context.closePath();
  context.fill();
  context.stroke();
}

const widths = new Map<string, number>();

export function textWidth(context: CanvasRenderingContext2D, text: string): number {
  const key = `${context.font}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    width = context.measureText(text).width;
    if (widths.size > 20_000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

// The text, cut with an ellipsis to fit; "" when not even three letters would.
export function fitText(context: CanvasRenderingContext2D, raw: string, room: number): string {
  if (room < 18) return "";
  const text = showInline(raw.slice(0, 200));
  const width = textWidth(context, text);
  if (width <= room) return text;
  const letters = Array.from(text);
  const keep = Math.floor((letters.length * room) / width) - 1;
  return keep < 3 ? "" : `${letters.slice(0, keep).join("")}…`;
}

// Colours of bars, for a light and a dark page. Every bar colour has a contrast of at least 3:1 with its page,
// and red is kept for errors.

import type { Codes, Columns, Dictionaries } from "./columns.ts";

export type ThemeName = "light" | "dark";
export type ColourMode = "agent" | "operation" | "status" | "model";

// Twenty, so that twenty agents can be told apart; the second ten are further from all others than the nearest two of the first ten.
const CATEGORIES = {
  light: [
    "#3a6ea8", "#b8691f", "#3c8558", "#7c5ba3", "#22858f", "#a94f86", "#7f7321", "#4f63c0", "#8a5a3a", "#5d7f2f",
    "#353052", "#035844", "#5a3700", "#7a186c", "#4d3199", "#0b517f", "#684965", "#23690d", "#124105", "#605619",
  ],
  dark: [
    "#79a8de", "#e0a05f", "#7cc096", "#b79bdc", "#62c1cb", "#dd90bf", "#c6b75f", "#97a6f0", "#c99a78", "#a4c46f",
    "#d6d3f7", "#55f7c8", "#fece96", "#bf62ad", "#8f7ce3", "#0486d3", "#feaef6", "#469234", "#b9ddb1", "#a29015",
  ],
};

const NEUTRAL = { light: "#8a919c", dark: "#7f8794" };
const ERROR = { light: "#c62f2f", dark: "#f07a72" };
const OK = { light: "#4d8a66", dark: "#79b894" };

// Index into CATEGORIES; operations not named here are taken in turn from the end.
const OPERATION_COLOURS: Record<string, number> = {
  chat: 0, generate_content: 0, text_completion: 0, execute_tool: 1, invoke_agent: 2, create_agent: 2,
  invoke_workflow: 3, plan: 3, retrieval: 4, embeddings: 4,
};

export interface Legend {
  label: string;
  colour: string;
  code: number;
}

export interface Colouring {
  // Colour of each code of `codes`.
  colours: string[];
  codes: ArrayLike<number>;
  legend: Legend[];
}

export function errorColour(theme: ThemeName): string {
  return ERROR[theme];
}

function operationColour(theme: ThemeName, operation: string): string {
  const at = OPERATION_COLOURS[operation];
  return at === undefined ? CATEGORIES[theme][5] : CATEGORIES[theme][at];
}

function colourOfCode(mode: ColourMode, theme: ThemeName, text: string, code: number): string {
  if (code === 0) return NEUTRAL[theme];
  if (mode === "operation") return operationColour(theme, text);
  return CATEGORIES[theme][(code - 1) % CATEGORIES[theme].length];
}

function statusColouring(columns: Columns, theme: ThemeName): Colouring {
  const colours = [NEUTRAL[theme], OK[theme], ERROR[theme]];
  const labels = ["unset", "ok", "error"];
  const legend = countCodes(columns.status, 3).filter(([, count]) => count > 0)
    .map(([code]) => ({ label: labels[code], colour: colours[code], code }));
  return { colours, codes: columns.status, legend };
}

function countCodes(codes: ArrayLike<number>, size: number): [number, number][] {
  const counts = new Array<number>(size).fill(0);
  for (let row = 0; row < codes.length; row++) counts[codes[row]]++;
  return counts.map((count, code) => [code, count] as [number, number]);
}

// `agents` is the agent at work in each row (see inheritAgents).
export function colourRows(columns: Columns, dictionaries: Dictionaries, agents: Codes, mode: ColourMode, theme: ThemeName): Colouring {
  if (mode === "status") return statusColouring(columns, theme);
  const codes = mode === "agent" ? agents : columns[mode];
  const names = dictionaries[mode];
  const colours = names.map((text, code) => colourOfCode(mode, theme, text, code));
  const legend = countCodes(codes, names.length).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1])
    .map(([code]) => ({ label: code === 0 ? (mode === "operation" ? "plumbing" : `no ${mode}`) : names[code], colour: colours[code], code }));
  return { colours, codes, legend };
}

// Is this CSS colour (rgb or rgba, as computed styles give it) nearer to black than to white?
export function isDark(colour: string): boolean {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? ["255", "255", "255"]).map(Number);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 110;
}

export function categoryColours(theme: ThemeName): string[] {
  return CATEGORIES[theme];
}

// Numbers, times and hostile text -> what a person reads.

const NBSP = " ";

function trim(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

// Three significant digits at most: 412 µs, 1.24 ms, 4.90 s, 12.4 s, 3 m 20 s, 2 h 05 m.
export function formatDuration(ms: number): string {
  if (Number.isNaN(ms)) return "";
  const size = Math.abs(ms);
  if (size === 0) return `0${NBSP}ms`;
  if (size < 0.001) return `${trim(ms * 1e6, 0)}${NBSP}ns`;
  if (size < 1) return `${trim(ms * 1000, size < 0.01 ? 2 : size < 0.1 ? 1 : 0)}${NBSP}µs`;
  if (size < 999.5) return `${trim(ms, size < 10 ? 2 : size < 100 ? 1 : 0)}${NBSP}ms`;
  if (size < 59_950) return `${(ms / 1000).toFixed(size < 9_995 ? 2 : 1)}${NBSP}s`;
  return formatLong(ms);
}

function formatLong(ms: number): string {
  const sign = ms < 0 ? "−" : "";
  const seconds = Math.round(Math.abs(ms) / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  if (days) return `${sign}${days}${NBSP}d${NBSP}${two(hours)}${NBSP}h`;
  if (hours) return `${sign}${hours}${NBSP}h${NBSP}${two(minutes)}${NBSP}m`;
  return `${sign}${minutes}${NBSP}m${NBSP}${two(seconds % 60)}${NBSP}s`;
}

// A round time on an axis: only the units that are not zero.
export function formatTick(ms: number): string {
  if (Math.abs(ms) < 999.5) return formatDuration(ms);
  if (Math.abs(ms) < 59_950) return `${trim(ms / 1000, 2)}${NBSP}s`;
  const seconds = Math.round(Math.abs(ms) / 1000);
  const units: [number, string][] = [[Math.floor(seconds / 86400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "m"], [seconds % 60, "s"]];
  return (ms < 0 ? "−" : "") + units.filter(([count]) => count > 0).map(([count, unit]) => `${count}${NBSP}${unit}`).join(NBSP);
}

export function formatCount(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

// "1 trace", "2 traces".
export function countOf(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}

// Three significant digits, whatever they are, so that a column compares: 3.20M beside 3.15M.
export function formatTokens(value: number): string {
  if (!value) return "";
  if (value < 10_000) return formatCount(value);
  if (value < 999_500) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(value < 9_995_000 ? 2 : value < 99_950_000 ? 1 : 0)}M`;
}

// A round amount on an axis: 20k, 2.5M.
export function formatTokenTick(value: number): string {
  return formatTokens(value).replace(/(\.\d*?)0+(?=[kM]$)/, "$1").replace(/\.(?=[kM]$)/, "");
}

export function formatBytes(bytes: number): string {
  if (Number.isNaN(bytes)) return "";
  const units = ["B", "kB", "MB", "GB"];
  const at = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)));
  const size = bytes / 1000 ** at;
  return `${trim(size, at === 0 ? 0 : size < 10 ? 1 : 0)}${NBSP}${units[at]}`;
}

export function formatCost(usd: number): string {
  if (Number.isNaN(usd)) return "";
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "<$0.0001";
  return `$${usd < 0.01 ? usd.toFixed(4) : usd < 1 ? usd.toFixed(3) : usd < 1000 ? usd.toFixed(2) : formatCount(usd)}`;
}

// UTC wall clock; `step` (ms) says how fine it must be.
export function formatClock(epochMs: number, step: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return "";
  const iso = date.toISOString();
  if (step >= 20 * 86_400_000) return iso.slice(0, 10);
  if (step >= 86_400_000) return iso.slice(5, 10);
  if (step >= 60_000) return iso.slice(11, 16);
  if (step >= 1000) return iso.slice(11, 19);
  if (step >= 1) return iso.slice(11, 23);
  const micros = Math.floor((((epochMs % 1) + 1) % 1) * 1000);
  return `${iso.slice(11, 23)}${String(micros).padStart(3, "0")}`;
}

export function formatDate(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 10);
}

// Controls, bidi overrides, invisible and tag characters, and lone surrogates: all can make text lie about itself.
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

function showCharacter(character: string): string {
  return `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

// Text of many lines: newlines and tabs stay, everything else that hides is shown.
export function showControls(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(INVISIBLE, showCharacter);
}

// Text on one line: newlines and tabs are shown too.
export function showInline(text: string): string {
  return showControls(text).replace(/\n/g, " ↵ ").replace(/\t/g, " ⇥ ");
}

// JSON laid out over lines without parsing its numbers, so that 128-bit integers and 1.0 stay as they were written.
export function indentJson(text: string): string | null {
  const source = text.trim();
  if (!/^[[{]/.test(source) || source.length > 2_000_000) return null;
  try {
    JSON.parse(source);
  } catch {
    return null;
  }
  return layOut(source.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? []);
}

function layOut(tokens: string[]): string {
  let out = "";
  let level = 0;
  const newline = () => `\n${"  ".repeat(level)}`;
  tokens.forEach((token, at) => {
    const empty = /^[\]}]$/.test(tokens[at + 1] ?? "") && /^[[{]$/.test(token);
    if (/^[[{]$/.test(token)) {
      level++;
      out += empty ? token : token + newline();
    } else if (/^[\]}]$/.test(token)) {
      level--;
      out += /[[{]$/.test(out) && /^[[{]$/.test(tokens[at - 1] ?? "") ? token : newline() + token;
    } else if (token === ",") out += token + newline();
    else out += token === ":" ? ": " : token;
  });
  return out;
}

// A strip of time: how busy someone was, where it failed, and what was found. Idle time is cut short (see _busy_time.py).

import { h, icon, svg } from "./dom.ts";
import { countOf, formatClock, formatDate, formatDuration, showInline } from "./format.ts";
import { asSeverity } from "./severity.ts";
import { chooseStep, placeTicks } from "./ticks.ts";

export interface Stretch {
  from: number;
  to: number;
  // Where it begins and ends as drawn, 0 to 1.
  at: number;
  until: number;
}

export interface StripTime {
  buckets: number;
  segments: Stretch[];
  busy_ms: number;
}

export interface Activity {
  activity: number[];
  failed: number[];
  beats: number[];
  marks: [at: number, severity: string, detector: string][];
}

const TALL = 20;
const MANY = 12;

// Few at once must still be seen, and many must not hide them.
export function levelHeight(level: number): number {
  return level <= 0 ? 0 : Math.min(1, 0.4 + 0.2 * Math.log2(level));
}

// The outline of the busy buckets as an SVG path, y downwards in a strip `TALL` high.
export function outline(levels: number[], most = levelHeight): string {
  let path = "";
  for (let at = 0; at < levels.length; at++) {
    const height = Math.round(most(levels[at]) * (TALL - 4) * 100) / 100;
    if (height > 0) path += `M${at} ${TALL}v${-height}h1v${height}z`;
  }
  return path;
}

export function describeActivity(one: Activity): string {
  const busy = one.activity.filter((level) => level > 0).length;
  const share = Math.round((100 * busy) / Math.max(1, one.activity.length));
  const failed = one.failed.length ? `, failures in ${countOf(one.failed.length, "place")}` : "";
  const found = one.marks.length ? `, ${countOf(one.marks.length, "finding")}` : "";
  return `busy ${share} % of the time${failed}${found}`;
}

export function drawStrip(time: StripTime, one: Activity): HTMLElement {
  const picture = svg("svg", { viewBox: `0 0 ${time.buckets} ${TALL}`, preserveAspectRatio: "none", class: "al-strip-picture", "aria-hidden": "true" },
    ...gapsOf(time).map(([from, to]) => svg("rect", { x: from * time.buckets, y: 0, width: (to - from) * time.buckets, height: TALL, class: "al-strip-gap" })),
    ...one.beats.map((at) => svg("rect", { x: at + 0.3, y: TALL - 2, width: 0.4, height: 2, class: "al-strip-beat" })),
    svg("path", { d: outline(one.activity), class: "al-strip-busy" }),
    ...one.failed.map((at) => svg("rect", { x: at, y: TALL - 7, width: 1, height: 7, class: "al-strip-failed" })));
  const marks = gatherMarks(one.marks).map(([at, severity, words]) => {
    const mark = h("span", { class: `al-strip-mark al-${asSeverity(severity)}`, title: words }, icon(asSeverity(severity)));
    mark.style.left = `${(at * 100).toFixed(2)}%`;
    return mark;
  });
  return h("div", { class: "al-strip", role: "img", "aria-label": describeActivity(one) }, picture, ...marks);
}

// Marks nearer than their own width become one, of the worst kind; it names all. Among many, infos are left to the column that counts them.
export function gatherMarks(marks: Activity["marks"], width = 0.025): [at: number, severity: string, words: string][] {
  const told = marks.length > MANY ? marks.filter(([, severity]) => severity !== "info") : marks;
  const gathered: [number, string, string][] = [];
  for (const severity of ["critical", "warning", "info"]) {
    for (const [at, kind, detector] of told) {
      if (asSeverity(kind) !== severity) continue;
      const words = `${showInline(detector)} (${severity})`;
      const near = gathered.find(([other]) => Math.abs(other - at) < width);
      if (!near) gathered.push([at, severity, words]);
      else if (!near[2].split(", ").includes(words)) near[2] += `, ${words}`;
    }
  }
  return gathered;
}

export function gapsOf(time: StripTime): [number, number][] {
  const { segments } = time;
  return segments.slice(1).map((segment, at) => [segments[at].until, segment.at]);
}

export interface Band {
  label: string;
  at: number[];
}

// The head of the strips: waves where there are some, else when each stretch begins.
export function drawStripHead(time: StripTime, waves: Band[]): HTMLElement {
  const bands = waves.filter((wave) => wave.at.length === 2);
  const labels = bands.length > 0 ? keepApart(bands.map((wave): [number, string] => [wave.at[0], wave.label]), 0.1) : listMoments(time);
  const elements = labels.map(([at, text]) => {
    const [, before, word] = /^(wave )?(.*)$/s.exec(text)!;
    const label = h("span", { class: "al-strip-label" }, before ? h("span", { class: "al-strip-word" }, before) : null, showInline(word));
    label.style.left = `${(at * 100).toFixed(2)}%`;
    return label;
  });
  return h("div", { class: "al-strip-head", title: describePeriod(time) }, ...elements);
}

// Those of the labels that stand at least so far from every one kept before them. Where there is little room, the word of a wave goes first.
function keepApart<Label extends [at: number, ...rest: unknown[]]>(labels: Label[], apart: number): Label[] {
  const kept: Label[] = [];
  for (const label of labels) if (kept.every(([at]) => Math.abs(at - label[0]) >= apart)) kept.push(label);
  return kept;
}

// When each stretch begins, and round moments within them: the former come first.
function listMoments({ segments, busy_ms }: StripTime): [number, string][] {
  const step = chooseStep(busy_ms, 6);
  const begins = segments.map((segment): [number, number] => [segment.at, segment.from]);
  const within = segments.flatMap((segment) => placeTicks(segment.from, segment.to, step).map((moment): [number, number] =>
    [segment.at + ((moment - segment.from) / (segment.to - segment.from || 1)) * (segment.until - segment.at), moment]));
  // As wide as the widest name, and none beyond the edge.
  const apart = Math.max(0.1, 0.024 * Math.max(0, ...nameMoments(begins.map(([, moment]) => moment), step).map((text) => text.length)));
  const shown = keepApart([...begins, ...within].filter(([at]) => at === 0 || at <= 1 - apart), apart).sort((a, b) => a[0] - b[0]);
  return nameMoments(shown.map(([, moment]) => moment), step).map((text, at) => [shown[at]![0], text]);
}

// Moments one after another in few letters: the date where it is another than before, with the year where that is, else the clock.
export function nameMoments(moments: number[], step: number): string[] {
  const dates = moments.map(formatDate);
  const years = new Set(dates.map((date) => date.slice(0, 4)));
  return moments.map((moment, at) => {
    if (dates[at] === dates[at ? at - 1 : dates.length - 1]) return formatClock(moment, Math.min(step, 60_000));
    return years.size > 1 && dates[at]!.slice(0, 4) !== dates[at - 1]?.slice(0, 4) ? dates[at]! : dates[at]!.slice(5);
  });
}

export function describePeriod(time: StripTime): string {
  const first = time.segments[0];
  const last = time.segments[time.segments.length - 1];
  if (!first) return "no times in the log";
  const [from, to] = [formatDate(first.from), formatDate(last.to)];
  const step = last.to - first.from < 60_000 ? 1000 : 60_000;
  const end = `${to === from ? "" : `${to} `}${formatClock(last.to, step)}`;
  return `${from} ${formatClock(first.from, step)} – ${end} UTC, ${formatDuration(time.busy_ms)} busy`;
}

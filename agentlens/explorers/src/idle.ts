// Time with the idle stretches cut short: where no tree was alive, hours become a thin gap. Real time goes in, time as it is
// shown comes out, and back. Order is kept, so whatever overlaps or follows in the one does so in the other.

import type { Columns } from "./columns.ts";
import type { RowRange } from "./forest.ts";

export interface Segment {
  // Real time, and where its beginning stands as shown.
  from: number;
  to: number;
  at: number;
}

export interface Gap {
  // As shown.
  from: number;
  to: number;
  // Real length in ms.
  length: number;
}

// A stretch is idle when it is longer than this share of all busy time; it is shown as `SHOWN` of it.
const WORTH = 0.08;
const SHOWN = 0.025;

export class Clock {
  readonly gaps: Gap[] = [];

  constructor(readonly segments: Segment[]) {
    for (let k = 1; k < segments.length; k++) {
      const before = segments[k - 1];
      this.gaps.push({ from: before.at + before.to - before.from, to: segments[k].at, length: segments[k].from - before.to });
    }
  }

  get idle(): number {
    return this.gaps.reduce((sum, gap) => sum + gap.length, 0);
  }

  show(real: number): number {
    if (Number.isNaN(real)) return NaN;
    const at = this.segmentAt(real, "from");
    const here = this.segments[at];
    const next = this.segments[at + 1];
    if (!next || real <= here.to) return here.at + (real - here.from);
    const { from, to } = this.gaps[at];
    return from + ((real - here.to) / (next.from - here.to)) * (to - from);
  }

  tell(shown: number): number {
    const at = this.segmentAt(shown, "at");
    const here = this.segments[at];
    const next = this.segments[at + 1];
    const end = here.at + here.to - here.from;
    if (!next || shown <= end) return here.from + (shown - here.at);
    return here.to + ((shown - end) / (next.at - end)) * (next.from - here.to);
  }

  private segmentAt(time: number, key: "from" | "at"): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.segments[middle][key] <= time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

export const PLAIN = new Clock([{ from: 0, to: 0, at: 0 }]);

// When each tree was alive, by start. `last` is the last sign of each row (see lastSigns).
export function listAlive(columns: Columns, last: Float64Array, scope: RowRange): [number, number][] {
  const alive: [number, number][] = [];
  for (let root = scope.from; root < scope.to; root = columns.end[root]) {
    let from = Infinity;
    let to = -Infinity;
    for (let row = root; row < columns.end[root]; row++) {
      if (columns.start[row] < from) from = columns.start[row];
      if (last[row] > to) to = last[row];
    }
    if (from < Infinity) alive.push([from, Math.max(from, to)]);
  }
  return alive.sort((a, b) => a[0] - b[0]);
}

export function makeClock(alive: [number, number][]): Clock {
  const busy = uniteSpans(alive, 0);
  const total = busy.reduce((sum, [from, to]) => sum + to - from, 0);
  const merged = uniteSpans(busy, total * WORTH);
  if (merged.length < 2 || total <= 0) return PLAIN;
  const segments: Segment[] = [];
  let at = merged[0][0];
  for (const [from, to] of merged) {
    segments.push({ from, to, at });
    at += to - from + total * SHOWN;
  }
  return new Clock(segments);
}

// Sorted stretches, joined where at most `slack` lies between them.
function uniteSpans(spans: [number, number][], slack: number): [number, number][] {
  const united: [number, number][] = [];
  for (const [from, to] of spans) {
    const previous = united[united.length - 1];
    if (previous && from - previous[1] <= slack) previous[1] = Math.max(previous[1], to);
    else united.push([from, to]);
  }
  return united;
}

// The minimap's curve: how many leaf spans ran at once, bucket by bucket, and which buckets hold an error.

import { FLAG, STATUS, type Columns } from "./columns.ts";
import type { RowRange } from "./forest.ts";
import type { TimeWindow } from "./viewport.ts";

export interface Activity {
  running: Float32Array;
  most: number;
  errors: Uint8Array;
}

export const BUCKETS = 600;

export function isFailure(columns: Columns, row: number): boolean {
  return columns.status[row] === STATUS.error && (columns.flags[row] & FLAG.controlFlow) === 0;
}

export function measureActivity(columns: Columns, last: Float64Array, scope: RowRange, limits: TimeWindow, isWeightless: (row: number) => boolean = () => false): Activity {
  const change = new Float32Array(BUCKETS + 1);
  const errors = new Uint8Array(BUCKETS);
  const scale = BUCKETS / (limits.to - limits.from);
  const bucket = (time: number) => Math.min(BUCKETS - 1, Math.max(0, Math.floor((time - limits.from) * scale)));
  for (let row = scope.from; row < scope.to; row++) {
    if (Number.isNaN(columns.start[row])) continue;
    const first = bucket(columns.start[row]);
    if (isFailure(columns, row)) errors[first] = 1;
    if (columns.end[row] !== row + 1 || isWeightless(row)) continue;
    change[first]++;
    change[bucket(Math.max(last[row], columns.start[row])) + 1]--;
  }
  return accumulate(change, errors);
}

function accumulate(change: Float32Array, errors: Uint8Array): Activity {
  const running = new Float32Array(BUCKETS);
  let now = 0;
  let most = 0;
  for (let at = 0; at < BUCKETS; at++) {
    now += change[at];
    running[at] = now;
    most = Math.max(most, now);
  }
  return { running, most, errors };
}

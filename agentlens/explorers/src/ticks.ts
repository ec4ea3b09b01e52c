// Round places on an axis of time, or of plain amounts.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const LONG_STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY, 100 * DAY, 200 * DAY, 500 * DAY,
];

// The smallest round step (ms) of which at most `most` fit into `span` ms.
export function chooseStep(span: number, most: number): number {
  const least = span / Math.max(1, most);
  if (!(least > 0) || !Number.isFinite(least)) return SECOND;
  if (least <= 500) return roundUp(least);
  return LONG_STEPS.find((step) => step >= least) ?? Math.ceil(least / (1000 * DAY)) * 1000 * DAY;
}

// The same for amounts: one, two or five of a power of ten.
export function chooseRound(span: number, most: number): number {
  const least = span / Math.max(1, most);
  return least > 0 && Number.isFinite(least) ? roundUp(least) : 1;
}

function roundUp(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((digit) => digit * power >= least * (1 - 1e-9))! * power;
}

// Multiples of `step` in [from, to], counted from `zero`. Computed by multiplication, so that errors do not add up.
export function placeTicks(from: number, to: number, step: number, zero = 0): number[] {
  const first = Math.ceil((from - zero) / step - 1e-9);
  const last = Math.floor((to - zero) / step + 1e-9);
  const count = Math.min(last - first + 1, 1000);
  return Array.from({ length: Math.max(0, count) }, (_, k) => zero + (first + k) * step);
}

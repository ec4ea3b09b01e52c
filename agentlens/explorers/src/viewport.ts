// The window of time on screen, in ms since the origin. All functions return a new window.

export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

// Below a tenth of a microsecond nothing in a log is told apart.
const SMALLEST = 1e-4;

export function spanOf(window: TimeWindow): number {
  return window.to - window.from;
}

export function clampWindow(window: TimeWindow, limits: TimeWindow): TimeWindow {
  const slack = spanOf(limits) * 0.02;
  const [low, high] = [limits.from - slack, limits.to + slack];
  const width = Math.min(Math.max(spanOf(window), SMALLEST), high - low);
  const from = Math.min(Math.max(window.from, low), high - width);
  return { from, to: from + width };
}

export function zoomAbout(window: TimeWindow, at: number, factor: number, limits: TimeWindow): TimeWindow {
  const width = Math.min(Math.max(spanOf(window) * factor, SMALLEST), spanOf(limits) * 1.04);
  const share = (at - window.from) / spanOf(window);
  return clampWindow({ from: at - share * width, to: at + (1 - share) * width }, limits);
}

export function panBy(window: TimeWindow, delta: number, limits: TimeWindow): TimeWindow {
  return clampWindow({ from: window.from + delta, to: window.to + delta }, limits);
}

// A window around one span, with air on both sides.
export function windowAround(start: number, end: number, limits: TimeWindow): TimeWindow {
  const width = Math.max(end - start, spanOf(limits) * 1e-6, SMALLEST * 10);
  return clampWindow({ from: start - width * 0.06, to: start + width * 1.06 }, limits);
}

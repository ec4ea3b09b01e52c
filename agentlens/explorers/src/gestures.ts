// Mouse, pen, touch and wheel on the timeline, the minimap and the dividers, told as intentions.

export interface TimelineGestures {
  // x, y in px of the canvas; dx, dy in px moved since the last call.
  onHover(x: number, y: number): void;
  onLeave(): void;
  onDrag(dx: number, dy: number): void;
  onClick(x: number, y: number): void;
  onDoubleClick(x: number, y: number): void;
  onZoom(x: number, factor: number): void;
  onPan(dx: number): void;
}

const CLICK_SLACK = 3;

export function listenTimeline(canvas: HTMLCanvasElement, gestures: TimelineGestures, signal: AbortSignal): void {
  let last: { x: number; y: number } | null = null;
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    last = { x: event.clientX, y: event.clientY };
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  }, { signal });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return gestures.onHover(event.offsetX, event.offsetY);
    const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
    last = { x: event.clientX, y: event.clientY };
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > CLICK_SLACK) gestures.onDrag(dx, dy);
  }, { signal });
  canvas.addEventListener("pointerup", (event) => {
    if (last && moved <= CLICK_SLACK) gestures.onClick(event.offsetX, event.offsetY);
    last = null;
  }, { signal });
  canvas.addEventListener("pointercancel", () => (last = null), { signal });
  canvas.addEventListener("pointerleave", () => gestures.onLeave(), { signal });
  canvas.addEventListener("dblclick", (event) => gestures.onDoubleClick(event.offsetX, event.offsetY), { signal });
}

// Ctrl+wheel (and pinch) zooms, sideways wheel pans; a plain wheel is left to the scroller.
export function listenWheel(element: HTMLElement, canvas: HTMLElement, gestures: TimelineGestures, signal: AbortSignal): void {
  element.addEventListener("wheel", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) gestures.onZoom(Math.max(0, x), Math.exp(Math.max(-60, Math.min(60, event.deltaY * unit)) * 0.006));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) gestures.onPan((event.deltaX || event.deltaY) * unit);
    else return;
    event.preventDefault();
  }, { passive: false, signal });
}

export interface BrushGestures {
  // Where the window's edges are now, in px.
  edges(): [number, number];
  onBrush(from: number, to: number): void;
}

const GRIP = 6;

// Drag an edge to move it, the middle to shift the window, elsewhere to draw a new one.
export function listenBrush(canvas: HTMLCanvasElement, gestures: BrushGestures, signal: AbortSignal): void {
  let drag: { kind: "left" | "right" | "move" | "new"; x: number; from: number; to: number } | null = null;
  const kindAt = (x: number, from: number, to: number) => {
    if (Math.abs(x - from) <= GRIP) return "left" as const;
    if (Math.abs(x - to) <= GRIP) return "right" as const;
    return x > from && x < to && to - from < canvas.clientWidth * 0.97 ? ("move" as const) : ("new" as const);
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [from, to] = gestures.edges();
    drag = { kind: kindAt(event.offsetX, from, to), x: event.offsetX, from, to };
    canvas.setPointerCapture(event.pointerId);
  }, { signal });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      const kind = kindAt(event.offsetX, ...gestures.edges());
      canvas.style.cursor = kind === "move" ? "grab" : kind === "new" ? "crosshair" : "ew-resize";
      return;
    }
    const dx = event.offsetX - drag.x;
    if (drag.kind === "move") gestures.onBrush(drag.from + dx, drag.to + dx);
    else if (drag.kind === "new") brushOrdered(drag.x, event.offsetX);
    else brushOrdered(drag.kind === "left" ? drag.from + dx : drag.from, drag.kind === "right" ? drag.to + dx : drag.to);
  }, { signal });
  const brushOrdered = (a: number, b: number) => {
    if (Math.abs(a - b) >= 2) gestures.onBrush(Math.min(a, b), Math.max(a, b));
  };
  const release = () => (drag = null);
  canvas.addEventListener("pointerup", release, { signal });
  canvas.addEventListener("pointercancel", release, { signal });
}

// A divider: drag it, or move it with the arrow keys. `onMove` gets px moved to the right or down.
export function listenDivider(divider: HTMLElement, vertical: () => boolean, onMove: (delta: number) => void, signal: AbortSignal): void {
  let last: number | null = null;
  const place = (event: PointerEvent) => (vertical() ? event.clientX : event.clientY);
  divider.addEventListener("pointerdown", (event) => {
    last = place(event);
    divider.setPointerCapture(event.pointerId);
    event.preventDefault();
  }, { signal });
  divider.addEventListener("pointermove", (event) => {
    if (last === null) return;
    onMove(place(event) - last);
    last = place(event);
  }, { signal });
  divider.addEventListener("pointerup", () => (last = null), { signal });
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -16, ArrowUp: -16, ArrowRight: 16, ArrowDown: 16 }[event.key];
    if (step === undefined) return;
    onMove(step);
    event.preventDefault();
    event.stopPropagation();
  }, { signal });
}

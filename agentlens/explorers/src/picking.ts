// What is picked in a view of parts. A kernel answers a pick with the spans behind it; a report carries them in `_reach`.
// Spans that are selected elsewhere mark the parts they belong to: `_touched` holds the names of those.

import { setAttribute } from "./dom.ts";
import type { Model } from "./model.ts";

export interface Pick {
  kind: string;
  key: string;
}

export function namePick(kind: string, key: string): string {
  return `${kind}:${key}`;
}

export class Picker {
  private listener: () => void;

  constructor(private model: Model, onChange: () => void) {
    this.listener = onChange;
    model.on("change:picked", this.listener);
    model.on("change:_touched", this.listener);
  }

  get current(): Pick | null {
    const picked = this.model.get("picked");
    return picked && typeof picked.kind === "string" && typeof picked.key === "string" ? picked : null;
  }

  is(kind: string, key: string): boolean {
    const { current } = this;
    return current !== null && current.kind === kind && current.key === key;
  }

  // The parts that spans selected elsewhere belong to.
  get touched(): Set<string> {
    return new Set(this.model.get("_touched") ?? []);
  }

  // Picks a part; picking it again lets it go.
  toggle(kind: string, key: string): void {
    const again = this.is(kind, key);
    this.model.set("picked", again ? {} : { kind, key });
    const reach = this.model.get("_reach");
    if (reach) this.model.set("selection", again ? [] : [...(reach[namePick(kind, key)] ?? [])]);
    this.model.save_changes();
  }

  stop(): void {
    this.model.off("change:picked", this.listener);
    this.model.off("change:_touched", this.listener);
  }
}

// Says of a part whether a span selected elsewhere belongs to it.
export function markTouched(element: Element, touched: boolean): void {
  element.classList.toggle("al-touched", touched);
  setAttribute(element, "aria-current", touched ? "true" : null);
}

// What is picked in a view of parts. A kernel answers a pick with the spans behind it; a report carries them in `_reach`.

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
  }

  get current(): Pick | null {
    const picked = this.model.get("picked");
    return picked && typeof picked.kind === "string" && typeof picked.key === "string" ? picked : null;
  }

  is(kind: string, key: string): boolean {
    const { current } = this;
    return current !== null && current.kind === kind && current.key === key;
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
  }
}

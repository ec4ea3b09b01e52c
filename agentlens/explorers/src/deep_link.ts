// Addresses of spans: `#span=<id>` behind the page's own.

import type { Asker } from "./asker.ts";

export function linkTo(address: string, spanId: string): string {
  return `${address.replace(/#.*$/s, "")}#span=${encodeURIComponent(spanId)}`;
}

// The span an address names; null when it names none.
export function spanInAddress(hash: string): string | null {
  const found = /^#span=(.+)$/s.exec(hash);
  if (!found) return null;
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
}

// The row of the span that the page's own address names; -1 when it names none, or one that is not here.
export async function locateAddressed(asker: Asker): Promise<number> {
  const spanId = spanInAddress(location.hash);
  return spanId === null ? -1 : Number((await asker.ask("locate", { span_id: spanId })).row);
}

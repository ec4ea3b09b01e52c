// The one script of the HTML report: all explorers, mounted where the page says (see static_host.ts).

import { render as renderCharts } from "./charts.ts";
import { mountAll, type StaticModel } from "./static_host.ts";
import { render as renderTraceTree } from "./trace_tree.ts";

export function mount(page: Document): Promise<Map<string, StaticModel>> {
  return mountAll(page, { trace_tree: renderTraceTree, charts: renderCharts });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => void mount(document));
else void mount(document);

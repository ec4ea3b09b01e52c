// The one script of the HTML report: all explorers, mounted where the page says (see static_host.ts).

import agentMap from "./agent_map.ts";
import charts from "./charts.ts";
import compare from "./compare.ts";
import conversation from "./conversation.ts";
import drift from "./drift.ts";
import findings from "./findings.ts";
import origin from "./origin.ts";
import overview from "./overview.ts";
import { mountAll, type StaticModel } from "./static_host.ts";
import traceTree from "./trace_tree.ts";

export function mount(page: Document): Promise<Map<string, StaticModel>> {
  return mountAll(page, {
    trace_tree: traceTree.render, charts: charts.render, overview: overview.render, agent_map: agentMap.render, findings: findings.render,
    conversation: conversation.render, compare: compare.render, drift: drift.render, origin: origin.render,
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => void mount(document));
else void mount(document);

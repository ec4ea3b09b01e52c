// The explorers of a report that draw for themselves, without a library of charts.

import agentMap from "./agent_map.ts";
import compare from "./compare.ts";
import conversation from "./conversation.ts";
import drift from "./drift.ts";
import findings from "./findings.ts";
import origin from "./origin.ts";
import overview from "./overview.ts";
import type { Explorer } from "./static_host.ts";
import traceTree from "./trace_tree.ts";

export const plainExplorers: Record<string, Explorer> = {
  trace_tree: traceTree.render, overview: overview.render, agent_map: agentMap.render, findings: findings.render,
  conversation: conversation.render, compare: compare.render, drift: drift.render, origin: origin.render,
};

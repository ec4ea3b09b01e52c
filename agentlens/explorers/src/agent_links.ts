// What the edges of a map say: how deep work is handed on, and where it goes round in circles.

export interface Link {
  from: string;
  to: string;
  kind: string;
}

// Groups of agents that delegate to one another in a circle (an agent that delegates to itself is a circle of one).
export function findLoops(links: Link[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const { from, to, kind } of links) {
    if (kind !== "delegation") continue;
    if (!next.has(from)) next.set(from, new Set());
    next.get(from)!.add(to);
  }
  const names = [...next.keys()];
  const reach = new Map(names.map((name) => [name, reachableFrom(next, name)]));
  const loops: string[][] = [];
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name) || !reach.get(name)!.has(name)) continue;
    const loop = names.filter((other) => reach.get(name)!.has(other) && reach.get(other)!.has(name));
    loop.forEach((member) => seen.add(member));
    loops.push(loop);
  }
  return loops;
}

function reachableFrom(next: Map<string, Set<string>>, start: string): Set<string> {
  const reached = new Set<string>();
  const open = [...(next.get(start) ?? [])];
  while (open.length) {
    const name = open.pop()!;
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...(next.get(name) ?? []));
  }
  return reached;
}

// How many delegations stand between an agent and one that nobody delegates to; agents outside all delegations have none.
export function measureDepth(links: Link[]): Map<string, number> {
  const given = links.filter(({ from, to, kind }) => kind === "delegation" && from !== to);
  const takers = new Set(given.map(({ to }) => to));
  let roots = [...new Set(given.map(({ from }) => from))].filter((name) => !takers.has(name));
  if (roots.length === 0) roots = given.slice(0, 1).map(({ from }) => from);
  const depth = new Map(roots.map((name) => [name, 0]));
  for (let open = roots; open.length; ) {
    const after: string[] = [];
    for (const { from, to } of given) {
      if (!open.includes(from) || depth.has(to)) continue;
      depth.set(to, depth.get(from)! + 1);
      after.push(to);
    }
    open = after;
  }
  return depth;
}

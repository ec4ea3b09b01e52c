// What each key means while the tree or the lanes have the focus.

import type { TreeState } from "./tree_state.ts";

export interface KeyCommands {
  go(row: number): void;
  zoom(factor: number): void;
  pan(share: number): void;
  fit(): void;
  zoomToSelected(): void;
  stepHit(direction: 1 | -1): void;
  stepFailure(direction: 1 | -1): void;
  toggle(row: number, closed?: boolean): void;
  deepen(by: 1 | -1): void;
  focusSearch(): void;
  focusDetails(): void;
  escape(): void;
  toggleHelp(): void;
  pageRows(): number;
}

const ANYWHERE: Record<string, (commands: KeyCommands) => void> = {
  "/": (c) => c.focusSearch(), n: (c) => c.stepHit(1), N: (c) => c.stepHit(-1), e: (c) => c.stepFailure(1), E: (c) => c.stepFailure(-1),
  z: (c) => c.zoomToSelected(), f: (c) => c.fit(), "+": (c) => c.zoom(1 / 1.6), "=": (c) => c.zoom(1 / 1.6), "-": (c) => c.zoom(1.6),
  "?": (c) => c.toggleHelp(), Enter: (c) => c.focusDetails(), Escape: (c) => c.escape(),
};

// Acts on the key and says whether it meant anything.
export function pressKey(key: string, shift: boolean, state: TreeState, commands: KeyCommands): boolean {
  if (shift && (key === "ArrowLeft" || key === "ArrowRight")) {
    commands.pan(key === "ArrowLeft" ? -0.15 : 0.15);
    return true;
  }
  const anywhere = ANYWHERE[key];
  if (anywhere) {
    anywhere(commands);
    return true;
  }
  return state.mode === "tree" ? pressInTree(key, state, commands) : pressInLanes(key, state, commands);
}

function pressInTree(key: string, state: TreeState, commands: KeyCommands): boolean {
  const { visible, selected } = state;
  const near = selected < 0 ? -1 : state.nearestInSight(selected);
  const at = near < 0 ? -1 : state.placeOf[near];
  const goTo = (index: number) => visible.length && commands.go(visible[Math.max(0, Math.min(visible.length - 1, index))]);
  const moves: Record<string, () => unknown> = {
    ArrowDown: () => goTo(at + 1), j: () => goTo(at + 1), ArrowUp: () => goTo(at - 1), k: () => goTo(at - 1),
    PageDown: () => goTo(at + commands.pageRows()), PageUp: () => goTo(at - commands.pageRows()),
    Home: () => goTo(0), End: () => goTo(visible.length - 1),
    ArrowLeft: () => selected >= 0 && closeOrClimb(state, commands), ArrowRight: () => selected >= 0 && openOrDescend(state, commands),
    " ": () => selected >= 0 && commands.toggle(selected), "[": () => commands.deepen(-1), "]": () => commands.deepen(1),
  };
  if (!moves[key]) return false;
  moves[key]();
  return true;
}

function closeOrClimb(state: TreeState, commands: KeyCommands): void {
  const row = state.selected;
  if (state.shape.children[row] > 0 && !state.collapsed[row]) commands.toggle(row, true);
  else if (state.shape.parent[row] >= 0) commands.go(state.shape.parent[row]);
}

function openOrDescend(state: TreeState, commands: KeyCommands): void {
  const row = state.selected;
  if (state.shape.children[row] === 0) return;
  if (state.collapsed[row]) commands.toggle(row, false);
  else commands.go(firstChild(state, row));
}

function firstChild(state: TreeState, row: number): number {
  if (state.mode === "tree" && state.sorted) return state.visible[state.placeOf[row] + 1] ?? row;
  for (let child = row + 1; child < state.columns.end[row]; child++) if (!state.shape.hidden[child]) return child;
  return row;
}

// Left and right go along the lane, up to the parent, down to the first child.
function pressInLanes(key: string, state: TreeState, commands: KeyCommands): boolean {
  const packing = state.lanes();
  const lanes = packing.agents.flatMap((agent) => agent.lanes);
  const { selected } = state;
  const lane = selected >= 0 ? lanes[packing.laneOf[selected]] : undefined;
  if (!/^(Arrow|Home$|End$)/.test(key)) return false;
  if (!lane) {
    if (lanes.length) commands.go(lanes[0][0]);
    return true;
  }
  const at = lane.indexOf(selected);
  const parent = state.shape.parent[selected];
  const target = {
    ArrowLeft: lane[at - 1], ArrowRight: lane[at + 1], Home: lane[0], End: lane[lane.length - 1],
    ArrowUp: parent >= 0 ? parent : undefined, ArrowDown: firstChild(state, selected),
  }[key];
  if (target !== undefined) commands.go(target);
  return true;
}

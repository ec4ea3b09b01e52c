// What anywidget hands to `render`, as far as the explorers use it; `StaticModel` in static_host.ts is the other one.

export type Listener = (...args: any[]) => void;

export interface Model {
  get(key: string): any;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, listener: Listener): void;
  off(event: string, listener?: Listener): void;
  send(message: unknown): void;
}

export interface RenderProps {
  model: Model;
  el: HTMLElement;
}

export type Cleanup = () => void;

import type { Cleanup, RenderProps } from "./model.ts";
export function render(_props: RenderProps): Cleanup { return () => {}; }
export default { render };

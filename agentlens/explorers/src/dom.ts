// Making elements. Text goes in as text nodes only; there is no way to pass markup.

export type Child = Node | string | number | null | undefined | false;
export type Attributes = Record<string, string | number | boolean | null | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) =>
    child instanceof Node ? child : String(child)));
  return element;
}

export function setAttribute(element: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  // The policy of a report forbids style attributes, and lets a script set the same style.
  else if (name === "style") (element as HTMLElement).style.cssText = String(value);
  else element.setAttribute(name, value === true ? "" : String(value));
}

const SVG = "http://www.w3.org/2000/svg";

// Drawn on a 16 × 16 grid, in the colour of the text around them.
const ICONS = {
  chevron: "M6 4l4 4-4 4",
  error: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8",
  finding: "M4 14V2.5M4 3h8l-2 2.8L12 8.6H4",
  orphan: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.4 8.7M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.6 7.3M3 3l1.4 1.4M13 13l-1.4-1.4",
  cycle: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  unfinished: "M4.5 2h7M4.5 14h7M5 2c0 3 2 4 3 6 1-2 3-3 3-6M5 14c0-3 2-4 3-6 1 2 3 3 3 6",
  control: "M3 8h7M7.5 4.5L11 8l-3.5 3.5M13.5 3v10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2 3v10M14 3v10M4.5 8h7M6.5 6l-2 2 2 2M9.5 6l2 2-2 2",
  close: "M4 4l8 8M12 4l-8 8",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  help: "M5.8 6a2.2 2.2 0 1 1 3.3 1.9c-.8.5-1.1.9-1.1 1.7M8 12v.3",
  critical: "M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4zM8 4.8v4M8 11v.3",
  warning: "M8 2.2l6.2 11.3H1.8zM8 6.4v3.4M8 11.6v.3",
  info: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 7.2v4M8 4.8v.3",
  done: "M3 8.5l3.2 3.2L13 4.8",
  blocked: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM4 12L12 4",
  silent: "M3 6v4h2.5L9 13V3L5.5 6zM11.5 6l3 4M14.5 6l-3 4",
  work: "M4 3l8 5-8 5z",
  unknown: "M3 8h.5M8 8h.5M13 8h.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.4 8.7M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.6 7.3",
  sort: "M3 4h10M3 8h7M3 12h4",
  retry: "M12.5 5A5 5 0 1 0 13 8M12.8 2v3.2H9.6",
  text: "M3 3.5h10v7H7.5L4.5 13v-2.5H3zM5.5 6h5M5.5 8h3",
  forbidden: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM4.5 8h7",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.4 10.4L14 14",
};

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, label = ""): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `al-icon al-icon-${name}`);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    svg.append(Object.assign(document.createElementNS(SVG, "title"), { textContent: label }));
  } else svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) =>
    child instanceof Node ? child : String(child)));
  return element;
}

export function button(label: string, content: Child, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = h("button", { type: "button", class: "al-button", title: label, "aria-label": label, ...attributes }, content);
  element.addEventListener("click", onClick);
  return element;
}

export function select(label: string, options: [value: string, text: string][], onChange: (value: string) => void): HTMLSelectElement {
  const element = h("select", { class: "al-select", "aria-label": label, title: label });
  for (const [value, text] of options) element.append(h("option", { value }, text));
  element.addEventListener("change", () => onChange(element.value));
  return element;
}

// Text with the places in `marks` set off.
export function fillMarked(element: Element, text: string, marks: [number, number][]): void {
  if (marks.length === 0) {
    element.textContent = text;
    return;
  }
  const parts: Node[] = [];
  let at = 0;
  for (const [from, to] of marks) {
    parts.push(document.createTextNode(text.slice(at, from)), h("mark", {}, text.slice(from, to)));
    at = to;
  }
  element.replaceChildren(...parts, document.createTextNode(text.slice(at)));
}

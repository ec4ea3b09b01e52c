// The colours of the page around us (JupyterLab, VS Code, a report), and news when they change.

import { errorColour, isDark, type ThemeName } from "./palette.ts";

export interface Theme {
  name: ThemeName;
  background: string;
  text: string;
  dim: string;
  grid: string;
  band: string;
  hover: string;
  accent: string;
  error: string;
  finding: string;
  chain: string;
  onBar: string;
  font: string;
}

export function readTheme(root: HTMLElement): Theme {
  const name: ThemeName = isDark(getComputedStyle(root).backgroundColor) ? "dark" : "light";
  root.dataset["theme"] = name;
  const style = getComputedStyle(root);
  const value = (property: string) => style.getPropertyValue(property).trim();
  return {
    name, background: style.backgroundColor, text: style.color, dim: value("--al-dim"), grid: value("--al-grid"), band: value("--al-band"),
    hover: value("--al-hover"), accent: value("--al-accent"), error: errorColour(name), finding: value("--al-finding"), chain: value("--al-chain"),
    onBar: name === "dark" ? "#15181c" : "#ffffff", font: style.fontFamily,
  };
}

export function watchTheme(onChange: () => void): () => void {
  const observer = new MutationObserver(onChange);
  const options = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-jp-theme-light", "data-jp-theme-name"] };
  observer.observe(document.body, options);
  observer.observe(document.documentElement, options);
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", onChange);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", onChange);
  };
}

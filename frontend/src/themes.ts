import { applyTheme, chosenTheme, keepTheme, type Theme } from "./theme-choice";
import { from } from "./dom";

function show(): void {
  const chosen = chosenTheme();
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-set]"))
    button.setAttribute("aria-pressed", String(button.dataset["themeSet"] === chosen));
}

/** `data-theme-set="light|dark|auto"`: choose the theme, and keep it. Islands redraw on `titian:theme`. */
export function themes(): void {
  document.addEventListener("click", (event) => {
    const button = from(event, "[data-theme-set]");
    if (!button) return;
    const theme = button.dataset["themeSet"] as Theme;
    keepTheme(theme);
    applyTheme(theme);
    show();
    document.dispatchEvent(new Event("titian:theme"));
  });
  document.addEventListener("htmx:afterSettle", show);
  show();
}

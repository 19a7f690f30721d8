/** The reader's theme, kept in this browser. */
export type Theme = "light" | "dark" | "auto";

const KEPT = "titian-theme";

/** What the reader chose here; `auto` follows the system. */
export function chosenTheme(): Theme {
  const kept = read(KEPT);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

/** Shows a theme. The style sheet follows the system where the attribute is absent. */
export function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function keepTheme(theme: Theme): void {
  write(KEPT, theme);
}

/** Storage may be forbidden (a browser's setting): then nothing is kept, and nothing fails. */
export function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Kept for this page only.
  }
}

/** Small things that every island uses. Nothing here builds HTML from text: what a partner wrote stays text. */

export type Words = Record<string, string>;

/** The words of an island: its own English, replaced by what the page says in the reader's language. */
export function words(element: HTMLElement | null, english: Words): Words {
  try {
    const given: unknown = JSON.parse(element?.dataset["words"] ?? "{}");
    return { ...english, ...(given as Words) };
  } catch {
    return english;
  }
}

/** `{name}` in a sentence, filled. */
export function fill(sentence: string | undefined, values: Record<string, string | number>): string {
  return (sentence ?? "").replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** An element with attributes and children. A child that is a string becomes text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The element itself or the nearest above it that matches, for a delegated event. */
export function from(event: Event, selector: string): HTMLElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
}

/** Says something to those who do not see the page change. */
export function announce(text: string): void {
  let region = document.getElementById("announce");
  if (!region) {
    region = make("div", { id: "announce", class: "visually-hidden", role: "status" });
    document.body.append(region);
  }
  // Cleared first: the same words twice are two announcements.
  region.textContent = "";
  const said = region;
  setTimeout(() => (said.textContent = text), 50);
}

export const language = (): string => document.documentElement.lang || "en";

/**
 * Control, bidirectional and zero-width characters, each as its code: `Titian` as its readers see it is what it is.
 * The same as the server's `shown` filter does in pages.
 */
export function shown(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]/g,
    (found) => `\u2039U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`,
  );
}

/** JSON from this node, or an error. Same origin only: the page's policy forbids any other. */
export async function fetchJson<T>(address: string): Promise<T> {
  const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as T;
}

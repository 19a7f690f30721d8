import { language } from "./dom";

type Counts = Record<string, unknown>;

function show(counts: Counts): void {
  const format = new Intl.NumberFormat(language());
  for (const element of document.querySelectorAll<HTMLElement>("[data-count]")) {
    const count = counts[element.dataset["count"] ?? ""];
    if (typeof count !== "number") continue;
    element.textContent = format.format(count);
    element.hidden = count === 0;
  }
}

/**
 * `data-live`: counts that change by themselves, by server-sent events. Open only while the page is seen: a browser
 * has six connections to a server, and an analyst has many tabs.
 */
export function liveCounts(): void {
  const address = document.body.dataset["live"];
  if (!address || !("EventSource" in window)) return;
  let source: EventSource | null = null;
  let latest: Counts = {};
  const take = (event: MessageEvent<string>): void => {
    try {
      latest = { ...latest, ...(JSON.parse(event.data) as Counts) };
      show(latest);
    } catch {
      // Not counts: another version of the server. The page keeps what it shows.
    }
  };
  const follow = (): void => {
    const wanted = !document.hidden && document.querySelector("[data-count]") !== null;
    if (wanted && !source) {
      source = new EventSource(address);
      source.addEventListener("counts", take);
      source.addEventListener("message", take);
    } else if (!wanted && source) {
      source.close();
      source = null;
    }
  };
  document.addEventListener("visibilitychange", follow);
  document.addEventListener("htmx:afterSettle", () => {
    follow();
    show(latest);
  });
  addEventListener("pagehide", () => {
    source?.close();
    source = null;
  });
  addEventListener("pageshow", follow);
  follow();
}

import htmx from "htmx.org";
import { announce, fill, make, type Words } from "./dom";

interface Request {
  elt: Element;
  headers: Record<string, string>;
  xhr: XMLHttpRequest;
  target: Element;
  pathInfo?: { requestPath: string };
}

const detail = (event: Event): Request => (event as CustomEvent<Request>).detail;

function configure(): void {
  // What the page's security policy forbids, or must not be left behind in the browser, is off.
  Object.assign(htmx.config, {
    allowEval: false,
    allowScriptTags: false,
    includeIndicatorStyles: false,
    selfRequestsOnly: true,
    historyCacheSize: 0,
    refreshOnHistoryMiss: true,
    timeout: 60_000,
    responseHandling: [
      { code: "204", swap: false },
      { code: "[23]..", swap: true },
      { code: "422", swap: true },
      { code: "[45]..", swap: false, error: true },
    ],
  });
}

function failure(text: string | null): void {
  document.getElementById("failure")?.remove();
  if (text === null) return;
  const notice = make("div", { id: "failure", class: "notice notice-bad", role: "alert" }, text);
  (document.getElementById("main") ?? document.body).prepend(notice);
}

/** Where focus goes when a part of the page was replaced, so that nobody is put back at its top. */
function focus(target: Element, pushed: boolean): void {
  const wanted = target.matches("[data-focus]") ? target : target.querySelector("[data-focus]");
  const next = wanted ?? (pushed ? document.querySelector("h1") : null);
  if (!(next instanceof HTMLElement)) return;
  if (next.tabIndex < 0 && !next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus();
}

/** htmx with this node's rules: token, focus, announcements and errors that are seen. */
export function swaps(said: Words): void {
  configure();
  const token = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content;
  let pushed = false;

  document.addEventListener("htmx:configRequest", (event) => {
    if (token) detail(event).headers["X-CSRF-Token"] = token;
  });
  document.addEventListener("htmx:beforeRequest", () => {
    failure(null);
    pushed = false;
  });
  document.addEventListener("htmx:pushedIntoHistory", () => {
    pushed = true;
    focus(document.body, true);
    announce(document.title);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = detail(event).elt;
    if (!pushed) focus(target, false);
    const told = target.matches("[data-announce]") ? target : target.querySelector<HTMLElement>("[data-announce]");
    if (told instanceof HTMLElement && told.dataset["announce"]) announce(told.dataset["announce"]);
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = detail(event).xhr;
    if (status === 401) return location.reload();
    failure(fill(said["request_failed"], { status }));
  });
  for (const name of ["htmx:sendError", "htmx:timeout"])
    document.addEventListener(name, () => failure(said["request_offline"] ?? ""));
}

import { make, type Words } from "./dom";
import { read, write } from "./theme-choice";

const KEPT = "titian-keys";
const PATIENCE = 1200;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select, [role=application]"));

/** The dialog that lists the keys. WCAG 2.1.4: keys of one character can be turned off here. */
function help(said: Words): void {
  const list = make("dl", { class: "facts" });
  const row = (pressed: string, does: string): void => {
    const keys = make("dt");
    for (const key of pressed.split(" ")) keys.append(make("kbd", {}, key), " ");
    list.append(keys, make("dd", {}, does));
  };
  row("/", said["key_search"] ?? "");
  row("?", said["key_help"] ?? "");
  for (const element of document.querySelectorAll<HTMLElement>("[data-key]")) {
    const name = element.getAttribute("aria-label") ?? element.firstChild?.textContent?.trim() ?? "";
    row(element.dataset["key"] ?? "", name || (element.textContent ?? "").trim());
  }
  const on = make("input", { type: "checkbox", id: "keys-on" });
  on.checked = read(KEPT) !== "off";
  on.addEventListener("change", () => write(KEPT, on.checked ? "on" : "off"));
  const close = make("button", { type: "button", class: "primary" }, said["close"] ?? "");
  const dialog = make(
    "dialog",
    { class: "card", "aria-labelledby": "keys-title" },
    make("h2", { id: "keys-title" }, said["keys"] ?? ""),
    list,
    make("div", { class: "field inline" }, on, make("label", { for: "keys-on" }, said["keys_on"] ?? "")),
    make("div", { class: "actions" }, close),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** `/` to the search box, `?` the list, and whatever `data-key` names. Never while somebody is typing. */
export function keys(said: Words): void {
  let pressed = "";
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    // The list itself stays in reach where keys are off, or nobody could turn them on again.
    if (event.key === "?") {
      event.preventDefault();
      return help(said);
    }
    if (read(KEPT) === "off") return;
    if (event.key === "/") {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      return search.select();
    }
    const now = Date.now();
    pressed = now - last > PATIENCE ? event.key : `${pressed} ${event.key}`.slice(-20);
    last = now;
    for (const element of document.querySelectorAll<HTMLElement>("[data-key]")) {
      const wanted = element.dataset["key"] ?? "";
      if (pressed !== wanted && !pressed.endsWith(` ${wanted}`)) continue;
      event.preventDefault();
      pressed = "";
      element.focus();
      return element.click();
    }
  });
}

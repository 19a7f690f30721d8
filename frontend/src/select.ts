import { from, language } from "./dom";

const room = (element: Element): Element => element.closest("form") ?? element.closest("table") ?? document.body;

const boxes = (within: Element, name: string): HTMLInputElement[] =>
  [...within.querySelectorAll<HTMLInputElement>("input[type=checkbox]")].filter(
    (box) => box.name === name && !box.disabled && !("selectAll" in box.dataset),
  );

function show(all: HTMLInputElement): void {
  const within = room(all);
  const rows = boxes(within, all.dataset["selectAll"] ?? "");
  const chosen = rows.filter((box) => box.checked).length;
  all.checked = chosen > 0 && chosen === rows.length;
  all.indeterminate = chosen > 0 && chosen < rows.length;
  for (const output of within.querySelectorAll("[data-selected]"))
    output.textContent = new Intl.NumberFormat(language()).format(chosen);
  for (const button of within.querySelectorAll<HTMLButtonElement>("[data-needs-selected]")) button.disabled = chosen === 0;
}

/** `data-select-all="name"`: every checkbox of that name; shift-click takes all between two. */
export function selecting(): void {
  let last: HTMLInputElement | null = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.type !== "checkbox" || "selectAll" in box.dataset) return;
    const rows = boxes(room(box), box.name);
    if (event.shiftKey && last && last.name === box.name) {
      const [a, b] = [rows.indexOf(last), rows.indexOf(box)].sort((x, y) => x - y);
      if (a !== undefined && b !== undefined && a >= 0) for (const row of rows.slice(a, b + 1)) row.checked = box.checked;
    }
    last = box;
  });
  document.addEventListener("change", (event) => {
    const all = from(event, "[data-select-all]");
    if (all instanceof HTMLInputElement) {
      for (const box of boxes(room(all), all.dataset["selectAll"] ?? "")) box.checked = all.checked;
      return show(all);
    }
    if (!(event.target instanceof HTMLInputElement) || event.target.type !== "checkbox") return;
    for (const each of room(event.target).querySelectorAll<HTMLInputElement>("[data-select-all]")) show(each);
  });
  const showAll = (): void => {
    for (const each of document.querySelectorAll<HTMLInputElement>("[data-select-all]")) show(each);
  };
  document.addEventListener("htmx:afterSettle", showAll);
  addEventListener("pageshow", showAll);
}

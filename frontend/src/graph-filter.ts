/** The checkboxes of types: the page's own, and those that it could not know of. They are the legend too. */
import { language, make, type Words } from "./dom";
import type { Graph } from "./graph-model";

export class Filter {
  private readonly box: HTMLElement;

  constructor(
    island: HTMLElement,
    private readonly graph: Graph,
    private readonly said: Words,
    changed: () => void,
  ) {
    const given = island.dataset["filter"] ? document.querySelector<HTMLElement>(island.dataset["filter"]) : null;
    this.box = given ?? make("fieldset", { class: "choices" }, make("legend", {}, said["legend"] ?? ""));
    if (!given) island.append(this.box);
    this.box.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLInputElement) || event.target.name !== "type") return;
      graph.show(event.target.value, event.target.checked);
      changed();
    });
  }

  /** Adds a box for each type that has none, and what the page had left unchecked is hidden. */
  refresh(): void {
    const boxes = new Map(
      [...this.box.querySelectorAll<HTMLInputElement>("input[name=type]")].map((input) => [input.value, input]),
    );
    const format = new Intl.NumberFormat(language());
    for (const [type, count] of this.graph.types()) {
      let input = boxes.get(type);
      if (!input) {
        input = make("input", { type: "checkbox", name: "type", value: type, id: `type-${type}` });
        input.checked = true;
        const name = make("span", { class: `type type-${type}` }, this.said[`type.${type}`] ?? type);
        const label = make("label", { for: input.id }, name, " ", make("span", { class: "muted num", "data-of": type }));
        this.box.append(make("div", { class: "field inline" }, input, label));
      }
      this.graph.show(type, input.checked);
      for (const told of this.box.querySelectorAll<HTMLElement>("[data-of]"))
        if (told.dataset["of"] === type) told.textContent = format.format(count);
    }
  }
}

import { from, make, type Words } from "./dom";

/** Asks in a dialog; resolves to whether the reader agreed. Escape, like the first button, is no. */
function ask(element: HTMLElement, said: Words): Promise<boolean> {
  const kind = element.dataset["confirmKind"] === "bad" ? "bad" : "primary";
  const no = make("button", { type: "button", value: "no" }, said["cancel"] ?? "");
  const yes = make("button", { type: "button", class: kind }, element.dataset["confirmLabel"] ?? said["ok"] ?? "");
  const question = make("p", { id: "confirm-question" }, element.dataset["confirm"] ?? "");
  const dialog = make("dialog", { class: "card", "aria-labelledby": "confirm-question" });
  dialog.append(question, make("div", { class: "actions" }, no, yes));
  document.body.append(dialog);
  return new Promise((resolve) => {
    let agreed = false;
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => {
      agreed = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove(); // the browser gives focus back to what had it
      resolve(agreed);
    });
    dialog.showModal();
    no.focus();
  });
}

interface HtmxConfirm {
  elt: HTMLElement;
  issueRequest(skip: boolean): void;
}

/** `data-confirm`: nothing is sent before the reader agreed. */
export function confirmations(said: Words): void {
  const agreed = new WeakSet<HTMLElement>();
  const isHtmx = (element: Element): boolean =>
    element.closest("[hx-boost=true]") !== null ||
    ["hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete"].some((name) => element.hasAttribute(name));

  document.addEventListener("htmx:confirm", (event) => {
    const { elt, issueRequest } = (event as CustomEvent<HtmxConfirm>).detail;
    // A form's own button may carry the question.
    const active = document.activeElement;
    const button = active instanceof HTMLElement && elt.contains(active) ? active.closest<HTMLElement>("[data-confirm]") : null;
    const asks = button ?? (elt.hasAttribute("data-confirm") ? elt : null);
    if (!asks) return;
    event.preventDefault();
    void ask(asks, said).then((yes) => {
      if (yes) issueRequest(true);
    });
  });

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target as HTMLFormElement;
      const button = event.submitter;
      const asks = button?.hasAttribute("data-confirm") ? button : form.hasAttribute("data-confirm") ? form : null;
      if (!asks || isHtmx(form) || (button && isHtmx(button))) return;
      if (agreed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // before `data-once` sees it
      void ask(asks, said).then((yes) => {
        if (!yes) return;
        agreed.add(form);
        form.requestSubmit(button);
      });
    },
    true,
  );

  document.addEventListener("click", (event) => {
    const link = from(event, "a[data-confirm]") as HTMLAnchorElement | null;
    if (!link || isHtmx(link)) return;
    event.preventDefault();
    void ask(link, said).then((yes) => {
      if (yes) location.assign(link.href);
    });
  });
}

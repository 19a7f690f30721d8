import { from } from "./dom";

/** `data-submit` sends its form on change, `data-once` sends only once, `data-unsaved` asks before changes are lost. */
export function forms(): void {
  const changed = new Set<HTMLFormElement>();

  document.addEventListener("change", (event) => {
    const control = from(event, "[data-submit]");
    if (control && "form" in control) (control.form as HTMLFormElement | null)?.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    const form = from(event, "form[data-unsaved]");
    if (form instanceof HTMLFormElement) changed.add(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    changed.delete(form);
    if (!form.hasAttribute("data-once") || event.defaultPrevented) return;
    // After the browser has read the form: a disabled button's name would be missing from what is sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll<HTMLButtonElement>("button:not([type=button])")) button.disabled = true;
    });
  });
  // Back to a page that the browser kept: its buttons work again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll<HTMLButtonElement>("form[data-once] button")) button.disabled = false;
  });
  addEventListener("beforeunload", (event) => {
    if ([...changed].some((form) => form.isConnected)) event.preventDefault();
  });
}

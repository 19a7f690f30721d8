import { announce, from, make, type Words } from "./dom";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS a browser offers no clipboard; the old way still works.
    const box = make("textarea", { class: "visually-hidden" });
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

/** `data-copy="#id"` and `data-copy-text`: the text goes to the clipboard. */
export function copying(said: Words): void {
  document.addEventListener("click", (event) => {
    const button = from(event, "[data-copy], [data-copy-text]");
    if (!button) return;
    const source = button.dataset["copy"] ? document.querySelector(button.dataset["copy"]) : null;
    const text =
      button.dataset["copyText"] ??
      (source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement ? source.value : source?.textContent);
    void copy(text ?? "").then((done) => {
      announce((done ? said["copied"] : said["copy_failed"]) ?? "");
      button.focus();
      button.classList.toggle("done", done);
      setTimeout(() => button.classList.remove("done"), 2000);
    });
  });
}

// Passkeys: asks the node what to ask, asks the browser, and sends the answer as an ordinary form.
//
//   <form method="post" action="…" data-passkey="get|create" data-options="/path" data-words='{"failed", "missing"}'>
//     <input type="hidden" name="csrf"> <input type="hidden" name="state"> <input type="hidden" name="answer">
//     <p data-passkey-error hidden></p> <button>
//
// The node's options and answers are JSON as Web Authentication Level 3 writes it; what browsers do not yet convert by
// themselves is converted here.

type Json = Record<string, any>;

function bytes(text: string): ArrayBuffer {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0)).buffer as ArrayBuffer;
}

function text(buffer: ArrayBuffer): string {
  let plain = "";
  for (const one of new Uint8Array(buffer)) plain += String.fromCharCode(one);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function named(list: Json[] | undefined): PublicKeyCredentialDescriptor[] {
  return (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }) as PublicKeyCredentialDescriptor);
}

async function made(options: Json): Promise<Json | null> {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const found = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null;
  if (!found) return null;
  const answer = found.response as AuthenticatorAttestationResponse;
  return {
    ...head(found),
    response: {
      clientDataJSON: text(answer.clientDataJSON),
      attestationObject: text(answer.attestationObject),
      transports: answer.getTransports?.() ?? [],
    },
  };
}

async function used(options: Json): Promise<Json | null> {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: named(options.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
  const found = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
  if (!found) return null;
  const answer = found.response as AuthenticatorAssertionResponse;
  return {
    ...head(found),
    response: {
      clientDataJSON: text(answer.clientDataJSON),
      authenticatorData: text(answer.authenticatorData),
      signature: text(answer.signature),
      userHandle: answer.userHandle ? text(answer.userHandle) : null,
    },
  };
}

function head(found: PublicKeyCredential): Json {
  return { id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: {} };
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}

function say(form: HTMLFormElement, what: string): void {
  const place = form.querySelector<HTMLElement>("[data-passkey-error]");
  const words = JSON.parse(form.dataset.words ?? "{}") as Record<string, string>;
  if (!place) return;
  place.textContent = what && (words[what] ?? "");
  place.hidden = !what;
}

async function ask(form: HTMLFormElement): Promise<void> {
  if (!window.PublicKeyCredential) return say(form, "missing");
  say(form, "");
  const token = field(form, "csrf").value;
  const asked = await fetch(form.dataset.options ?? "", { method: "POST", headers: { "X-CSRF-Token": token } });
  if (!asked.ok) return say(form, "failed");
  const { options, state } = (await asked.json()) as { options: Json; state: string };
  const answer = await (form.dataset.passkey === "create" ? made(options) : used(options));
  if (!answer) return say(form, "failed");
  field(form, "state").value = state;
  field(form, "answer").value = JSON.stringify(answer);
  form.submit(); // without the event: it is not asked again
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (!form.dataset?.passkey) return;
  event.preventDefault();
  event.stopPropagation();
  ask(form).catch(() => say(form, "failed"));
}, true);

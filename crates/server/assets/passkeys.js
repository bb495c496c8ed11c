// The page on which every ceremony can be tried. Tokens live in this module and nowhere else.

const { ceremonies } = document.querySelector("script[data-ceremonies]").dataset;
const { canAutofill, create, get, isSupported, signalAccepted, signalDetails, signalUnknown, words } =
  await import(ceremonies);

const $ = (id) => document.getElementById(id);

/** What this page knows; a reload forgets it. */
const state = {
  /** What is handed out with a completed sign-in. */
  tokens: null,
  /** Makes this device known at the next sign-in. */
  deviceToken: undefined,
  /** Continues a sign-in that asks for a second factor, or opens the calls of enrolment. */
  tempToken: null,
  /** Settles the step-up that is asked for. */
  stepUp: null,
  /** By which factors one can step up. */
  factors: [],
  /** The domain that passkeys are bound to. */
  rpId: "",
};

/** A refusal of the server, with its problem document. */
class Problem extends Error {
  constructor(body) {
    super(body.errors?.map((error) => error.detail).join(" ") || body.detail);
    this.body = body;
  }
}

// Calls

async function send(method, path, body, bearer) {
  const headers = {};
  if (body) headers["content-type"] = "application/json";
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : undefined;
  if (!response.ok) throw new Problem(answer);
  return answer;
}

/** A call by whoever is signed in; tokens that are too old are renewed. */
async function call(method, path, body) {
  const bearer = state.tokens?.access_token ?? state.tempToken;
  try {
    return await send(method, path, body, bearer);
  } catch (error) {
    if (error.body?.code !== "unauthenticated" || !state.tokens) throw error;
    const refresh_token = state.tokens.refresh_token;
    state.tokens = await send("POST", "/auth/refresh", { refresh_token });
    return send(method, path, body, state.tokens.access_token);
  }
}

/** Does `act`, after a step-up if one is asked for. */
async function withStepUp(act) {
  try {
    return await act();
  } catch (error) {
    const required = error.body?.required;
    if (!required?.methods.length) throw error;
    await stepUp(required);
    return act();
  }
}

// What is shown

function show(view) {
  for (const section of document.querySelectorAll("[data-view]")) {
    section.hidden = !section.dataset.view.split(" ").includes(view);
  }
  document.querySelector(`[data-view~="${view}"] h2`).focus();
}

/** Shows, in `view`, the ways that `factors` allow. */
function offer(view, factors) {
  const ways = factors.map((factor) => (["totp", "backup_code"].includes(factor) ? "code" : factor));
  for (const way of document.querySelectorAll(`[data-view="${view}"] [data-factor]`)) {
    way.hidden = !ways.includes(way.dataset.factor);
    if (way instanceof HTMLFormElement) way.reset();
  }
  show(view);
}

function say(message) {
  $("message").textContent = message;
  $("problem").textContent = "";
}

function complain(error) {
  const { message } = error;
  $("message").textContent = "";
  $("problem").textContent = words(error, state.rpId) ?? message;
  if (!(error instanceof Problem)) console.info(error.name);
}

function addText(parent, tag, text) {
  parent.append(Object.assign(document.createElement(tag), { textContent: text }));
}

const at = (time) => new Date(time).toLocaleString(undefined, { timeStyle: "medium" });

// Ceremonies

/** The request that waits behind the e-mail field. */
let waiting = { stop() {}, done: Promise.resolve() };

/** Asks, with a way to stop waiting. Browsers do one ceremony at a time, so autofill ends first. */
async function ceremony(act, asked, text) {
  await stopAutofill();
  state.rpId = asked.public_key.rpId ?? asked.public_key.rp.id;
  const stopped = new AbortController();
  const late = AbortSignal.timeout(asked.expires_in * 1000);
  say(text);
  $("stop").hidden = false;
  $("stop").onclick = () => stopped.abort();
  try {
    return await act(asked.public_key, AbortSignal.any([stopped.signal, late]));
  } finally {
    say("");
    $("stop").hidden = true;
  }
}

async function answer(asked) {
  const credential = await ceremony(get, asked, "Waiting for your passkey or security key.");
  return { challenge_token: asked.challenge_token, credential };
}

async function stopAutofill() {
  waiting.stop();
  await waiting.done;
}

function startAutofill() {
  const stopped = new AbortController();
  waiting.stop();
  const done = waiting.done.then(() => autofill(stopped.signal));
  waiting = { stop: () => stopped.abort(), done };
}

/** Offers passkeys in the e-mail field, with a new challenge before the old one is too old. */
async function autofill(stopped) {
  while ($("autofill").checked && !stopped.aborted && (await canAutofill())) {
    const asked = await send("POST", "/auth/passkey/options", {});
    const late = AbortSignal.timeout((asked.expires_in - 10) * 1000);
    try {
      const signal = AbortSignal.any([stopped, late]);
      const credential = await get(asked.public_key, signal, "conditional");
      // Not awaited: a further ceremony waits for the end of this one.
      act(() => signInWith({ challenge_token: asked.challenge_token, credential }));
      return;
    } catch (error) {
      if (error.name !== "TimeoutError") return;
    }
  }
}

// Signing in and out

async function proceed(step) {
  state.tempToken = step.temp_token ?? null;
  if (step.status === "complete") return signedIn(step);
  if (step.status === "mfa_required") return offer("second", step.mfa_types);
  show("enrolling");
}

async function signInWith(answered) {
  const body = { ...answered, device_token: state.deviceToken };
  try {
    await proceed(await send("POST", "/auth/passkey", body));
  } catch (error) {
    const unknown = error.body?.signal?.unknown_credential;
    if (!unknown) throw error;
    await signalUnknown(unknown);
    throw new Error(
      "That passkey is no longer registered here. We have asked your password manager to remove it.",
    );
  }
}

async function signedIn(tokens) {
  state.tokens = tokens;
  state.deviceToken = tokens.device_token ?? state.deviceToken;
  await refreshPage();
  show("session");
}

function signedOut() {
  Object.assign(state, { tokens: null, tempToken: null, stepUp: null, factors: [] });
  $("password-form").reset();
  show("signed-out");
  startAutofill();
}

const second = async (answered) =>
  proceed(await send("POST", "/auth/login/mfa", { temp_token: state.tempToken, ...answered }));

// Stepping up

function stepUp(required) {
  $("step-up-level").textContent = required.level;
  state.factors = required.methods;
  offer("step-up", required.methods);
  return new Promise((resolve, reject) => {
    state.stepUp = { resolve, reject };
  });
}

async function steppedUp(answered) {
  state.tokens = await call("POST", "/auth/step-up", answered);
  const { resolve } = state.stepUp;
  show("session");
  resolve();
}

function codeOf(form) {
  const code = new FormData(form).get("code").trim();
  if (state.factors.includes("email")) return { method: "email", code };
  return { method: /^[\d\s-]{6,11}$/.test(code) ? "totp" : "backup_code", code };
}

// The account

async function refreshPage() {
  const [{ session }, me, listed] = await Promise.all([
    call("GET", "/auth/session"),
    call("GET", "/auth/me"),
    call("GET", "/auth/mfa/methods"),
  ]);
  $("who").textContent = me.email;
  $("name").value = me.name ?? "";
  $("level").textContent = session.level;
  $("amr").textContent = session.amr.join(" ");
  const levels = Object.entries(session.levels).map(([level, time]) => `${level} ${at(time)}`);
  $("levels").textContent = levels.join(", ") || at(session.auth_time);
  state.factors = listed.methods.filter((method) => method.enabled).map((method) => method.type);
  $("methods").replaceChildren(...listed.methods.map(card));
  $("methods-none").hidden = listed.methods.length > 0;
  const codes = listed.recovery_codes;
  $("methods-codes").hidden = !codes;
  $("methods-codes").textContent = codes && `${codes.remaining} of ${codes.total} recovery codes left.`;
  await signalAccepted(listed.signals);
  return listed.signals;
}

const KINDS = { passkey: "Passkey", security_key: "Security key" };

function card(method) {
  const item = $("method").content.cloneNode(true).firstElementChild;
  const [title, tags, used, form, remove] =
    ["h3", ".tags", ".used", "form", ".remove"].map((name) => item.querySelector(name));
  item.dataset.id = method.id;
  title.textContent = method.name;
  const shown = method.type === "webauthn"
    ? [KINDS[method.kind], method.provider, method.synced ? "Synced" : "Bound to one device"]
    : ["Authenticator app"];
  if (method.attested) shown.push("Attested");
  if (!method.enabled) shown.push(method.state === "suspended" ? "Suspended" : "Disabled");
  for (const text of shown.filter(Boolean)) addText(tags, "li", text);
  used.textContent = method.last_used_at ? `Last used ${at(method.last_used_at)}` : "Not used yet";
  form.name.value = method.name;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(() => change("PATCH", method, { name: form.name.value }, "Renamed."));
  });
  remove.setAttribute("aria-label", `Remove ${method.name}`);
  remove.addEventListener("click", () => act(() => change("DELETE", method, undefined, "Removed.")));
  return item;
}

async function change(verb, method, body, done) {
  await withStepUp(() => call(verb, `/auth/mfa/methods/${method.id}`, body));
  await refreshPage();
  say(done);
}

async function enrolled(done, codes) {
  state.tempToken = null;
  await signedIn(done.tokens);
  say(`${done.method.name} was added.`);
  if (!codes) return;
  $("codes").replaceChildren();
  for (const code of codes) addText($("codes"), "li", code);
  show("codes");
}

async function enrol({ kind, attachment }) {
  const path = "/auth/mfa/webauthn/register";
  const asked = await withStepUp(() => call("POST", `${path}/options`, { kind, attachment }));
  const credential = await ceremony(create, asked, "Follow your browser, or touch your key.");
  const done = await call("POST", path, { challenge_token: asked.challenge_token, credential });
  await enrolled(done, done.backup_codes);
}

let appCodes;

async function enrolApp() {
  const name = $("methods").querySelector("li") ? `App ${at(Date.now())}` : undefined;
  const setup = await withStepUp(() => call("POST", "/auth/mfa/enable", { name }));
  appCodes = setup.backup_codes;
  $("app-secret").textContent = setup.secret;
  $("app-picture").replaceChildren(picture(setup.qr_svg));
  $("app-form").reset();
  show("app");
}

/** The QR code, redrawn: the policy of this page takes neither markup nor pictures as text. */
function picture(svg) {
  const element = (name, values) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    return made;
  };
  const [, viewBox] = svg.match(/viewBox="([\d .]+)"/);
  const drawn = element("svg", { viewBox, role: "img", "aria-label": "QR code" });
  for (const [, d] of svg.matchAll(/ d="([^"]+)"/g)) drawn.append(element("path", { d }));
  return drawn;
}

// What the buttons do

/** Does `what`, and says what went wrong. */
async function act(what) {
  say("");
  try {
    await what();
  } catch (error) {
    complain(error);
    // A passkey that was refused or not used leaves the field as it was.
    if (!document.querySelector('[data-view="signed-out"]').hidden) startAutofill();
  }
}

const onClick = (id, what) => $(id).addEventListener("click", () => act(what));

const onSubmit = (id, what) =>
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const { target, submitter } = event;
    act(() => what(target, submitter));
  });

const passwordOf = (form) => ({ method: "password", password: form.password.value });

onClick("passkey", async () => {
  await stopAutofill();
  await signInWith(await answer(await send("POST", "/auth/passkey/options", {})));
});

onSubmit("password-form", async (form, submitter) => {
  const body = { email: form.email.value, password: form.password.value };
  await stopAutofill();
  if (submitter?.value === "register") {
    const { verification_required } = await send("POST", "/auth/register", body);
    if (verification_required) return say("Answer the mail in the mailbox, then sign in.");
  }
  await proceed(await send("POST", "/auth/login", { ...body, device_token: state.deviceToken }));
});

onClick("second-credential", async () => {
  const body = { temp_token: state.tempToken, method: "webauthn" };
  const asked = await send("POST", "/auth/login/mfa/options", body);
  await second({ method: "webauthn", ...(await answer(asked)) });
});
onSubmit("second-code-form", (form) => second({ mfa_token: form.code.value }));
onSubmit("second-password-form", (form) => second(passwordOf(form)));
onClick("second-cancel", signedOut);

onClick("step-up", async () => {
  const methods = state.factors.length ? [...state.factors, "backup_code"] : ["password"];
  await stepUp({ level: $("level").textContent, methods });
  await refreshPage();
  say("Proved.");
});
onClick("step-up-credential", async () => {
  const asked = await call("POST", "/auth/step-up/options", { method: "webauthn" });
  await steppedUp({ method: "webauthn", ...(await answer(asked)) });
});
onClick("step-up-mail", async () => {
  const { sent_to } = await call("POST", "/auth/step-up/options", { method: "email" });
  offer("step-up", ["totp"]);
  say(`A code is on its way to ${sent_to}.`);
});
onSubmit("step-up-code-form", (form) => steppedUp(codeOf(form)));
onSubmit("step-up-password-form", (form) => steppedUp(passwordOf(form)));
onClick("step-up-cancel", () => {
  show("session");
  state.stepUp.reject(new Error("Nothing was changed."));
});

for (const button of document.querySelectorAll("[data-kind]")) {
  button.addEventListener("click", () => act(() => enrol(button.dataset)));
}
onClick("add-app", enrolApp);
onSubmit("app-form", async (form) => {
  const done = await call("POST", "/auth/mfa/confirm", { token: form.code.value });
  await enrolled(done, appCodes);
});
onClick("app-cancel", () => show("session"));
$("codes-kept").addEventListener("click", () => show("session"));

onSubmit("name-form", async (form) => {
  await call("PATCH", "/auth/me", { name: form.name.value });
  await signalDetails(await refreshPage());
  say("Your passkeys show the new name, where they can.");
});
onClick("sign-out", async () => {
  await call("POST", "/auth/logout", {});
  signedOut();
  say("Signed out.");
});
$("autofill").addEventListener("change", startAutofill);

if (isSupported()) {
  startAutofill();
  document.documentElement.dataset.ready = "";
} else {
  complain(new Error("This browser is too old for passkeys on this page."));
}

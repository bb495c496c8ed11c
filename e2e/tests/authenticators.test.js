// Each kind of authenticator, from enrolling to signing in.

import assert from "node:assert/strict";

import { KINDS, scenario } from "../browser.js";

scenario("a passkey of this device is the whole sign-in", async (person) => {
  await person.takes(KINDS.platform);
  await person.look("signed out");
  await person.register();
  assert.equal(await person.level(), "aal1");
  await person.enrols("A passkey on this device");
  assert.equal(await person.level(), "phishing_resistant");
  assert.deepEqual(await person.tags(), ["Passkey", "Bound to one device"]);
  await person.look("one passkey");
  await person.signsOut();
  await person.signsInWithPasskey();
  assert.equal(await person.level(), "phishing_resistant");
  assert.equal(await person.text("#who"), person.email);
});

scenario("a passkey that is synced is shown as such", async (person) => {
  await person.takes(KINDS.synced);
  await person.register();
  await person.enrols("A passkey on this device");
  assert.deepEqual(await person.tags(), ["Passkey", "Synced"]);
  await person.signsOut();
  await person.signsInWithPasskey();
  assert.equal(await person.level(), "phishing_resistant");
});

scenario("a key without a PIN is a second factor after the password", async (person) => {
  await person.takes(KINDS.touch);
  await person.register();
  await person.enrols("A security key");
  assert.equal((await person.tags())[0], "Security key");
  await person.signsOut();
  await person.givesPassword();
  await person.sees("One more step");
  await person.look("second factor");
  await person.press("Use a passkey or security key");
  await person.sees("Signed in");
  assert.equal(await person.level(), "phishing_resistant");
});

scenario("a passkey that shows presence alone is one factor: the password is asked for", async (person) => {
  await person.takes(KINDS.pin);
  await person.register();
  await person.enrolsApp();
  await person.enrols("A passkey on another device");
  await person.signsOut();
  // Chromium neither makes nor finds passkeys on a key without a PIN; this one says that it did not
  // ask for it.
  await person.device("setResponseOverrideBits", { isBadUV: true });
  await person.press("Sign in with a passkey");
  await person.sees("One more step");
  assert.equal(await person.page.locator("#second-code").isVisible(), false);
  assert.equal(await person.page.locator("#second-credential").isVisible(), false);
  await person.look("password after a passkey");
  await person.typesPassword();
  await person.sees("Signed in");
  assert.equal(await person.level(), "phishing_resistant");
});

scenario("a key with a PIN is the whole sign-in", async (person) => {
  await person.takes(KINDS.pin);
  await person.register();
  await person.enrols("A passkey on another device");
  await person.signsOut();
  await person.signsInWithPasskey();
  assert.equal(await person.level(), "phishing_resistant");
});

scenario("a key of before passkeys is a second factor", async (person) => {
  await person.takes(KINDS.u2f);
  await person.register();
  await person.enrols("A security key");
  assert.deepEqual(await person.tags(), ["Security key", "Bound to one device"]);
  await person.signsOut();
  await person.givesPassword();
  await person.sees("One more step");
  await person.press("Use a passkey or security key");
  await person.sees("Signed in");
  assert.equal(await person.level(), "phishing_resistant");
});

scenario("a passkey is offered in the e-mail field", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.signsOut();
  await person.autofill(true);
  await person.sees("Signed in");
  assert.equal(await person.level(), "phishing_resistant");
});

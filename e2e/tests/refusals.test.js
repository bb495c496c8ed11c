// What goes wrong: at the authenticator, and because somebody else has tried.

import assert from "node:assert/strict";

import { KINDS, scenario } from "../browser.js";

scenario("an authenticator is not enrolled twice", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.press("A passkey on this device");
  await person.reads("This device already has a passkey for your account.");
  await person.look("enrolled already");
  assert.equal((await person.credentials()).length, 1);
});

scenario("a key without a PIN is no passkey in Chromium, and still a security key", async (person) => {
  await person.takes(KINDS.touch);
  await person.register();
  await person.press("A passkey on another device");
  await person.reads("No passkey was used.");
  await person.enrols("A security key");
});

scenario("a wrong PIN leaves the password and the app", async (person) => {
  await person.takes(KINDS.pin);
  await person.register();
  await person.enrolsApp();
  await person.enrols("A passkey on another device");
  await person.signsOut();
  await person.device("setUserVerified", { isUserVerified: false });
  await person.press("Sign in with a passkey");
  await person.reads("No passkey was used.");
  await person.givesPassword();
  await person.sees("One more step");
  await person.press("Use a passkey or security key");
  await person.reads("No passkey was used.");
  await person.typesCode("Code of your app, or a recovery code");
  await person.sees("Signed in");
  assert.equal(await person.level(), "aal2");
});

scenario("a signature that is wrong is refused", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.signsOut();
  await person.device("setResponseOverrideBits", { isBogusSignature: true });
  await person.press("Sign in with a passkey");
  await person.reads("This passkey was not accepted.");
  await person.device("setResponseOverrideBits");
  await person.signsInWithPasskey();
});

scenario("a copy of a passkey is refused, and its owner is told", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  const [copy] = await person.credentials();
  for (let round = 0; round < 2; round += 1) {
    await person.signsOut();
    await person.signsInWithPasskey();
  }
  await person.signsOut();
  const [original] = await person.credentials();
  assert.ok(copy.signCount < original.signCount);
  await person.takes(KINDS.platform);
  await person.device("addCredential", { credential: copy });
  await person.press("Sign in with a passkey");
  await person.reads("This passkey was not accepted.");
  await person.look("refused");
  await person.isTold("A passkey or security key may have been copied");
});

scenario("a passkey that was removed is refused, and the device forgets it", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  const [kept] = await person.credentials();
  await person.press("Remove Passkey");
  await person.reads("Removed.");
  assert.deepEqual(await person.credentials(), []);
  await person.signsOut();

  // The device was off meanwhile.
  await person.device("addCredential", { credential: kept });
  await person.press("Sign in with a passkey");
  await person.reads("That passkey is no longer registered here.");
  assert.deepEqual(await person.credentials(), []);
});

scenario("whoever walks away reads that nothing was used", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.signsOut();
  await person.device("setAutomaticPresenceSimulation", { enabled: false });
  await person.press("Sign in with a passkey");
  await person.reads("Waiting for your passkey or security key.");
  await person.look("waiting");
  await person.press("Stop waiting");
  await person.reads("No passkey was used.");
  await person.look("walked away");
});

// What people do with their passkeys once they are signed in.

import assert from "node:assert/strict";

import { KINDS, SERVER, scenario } from "../browser.js";

scenario("a passkey is removed after it was shown", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrolsApp();
  await person.enrols("A passkey on this device");
  await person.signsOut();
  await person.givesPassword();
  await person.sees("One more step");
  await person.typesCode("Code of your app, or a recovery code");
  await person.sees("Signed in");
  assert.equal(await person.level(), "aal2");

  await person.press("Remove Passkey");
  await person.sees("Let's make sure it's you");
  assert.equal(await person.text("#step-up-level"), "phishing_resistant");
  assert.equal(await person.page.getByLabel("Your code").isVisible(), false);
  await person.look("step up");
  await person.press("Use a passkey or security key");
  await person.reads("Removed.");
  assert.deepEqual(await person.tags(), ["Authenticator app"]);
  assert.deepEqual(await person.credentials(), []);
});

scenario("who thinks better of it changes nothing", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.press("Prove again who you are");
  await person.sees("Let's make sure it's you");
  await person.press("Cancel");
  await person.reads("Nothing was changed.");
  await person.press("Prove again who you are");
  await person.press("Use a passkey or security key");
  await person.reads("Proved.");
});

scenario("names are changed, and the authenticator learns the account's", async (person) => {
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  await person.page.getByText("Rename").click();
  await person.page.getByLabel("New name").fill("Blue laptop");
  await person.page.locator("#methods").getByRole("button", { name: "Save" }).click();
  await person.reads("Renamed.");
  await person.sees("Blue laptop");

  await person.page.getByLabel("Your name, as your passkeys show it").fill("Ada Lovelace");
  await person.page.locator("#name-form").getByRole("button", { name: "Save" }).click();
  await person.reads("Your passkeys show the new name");
  const [{ userName, userDisplayName }] = await person.credentials();
  assert.deepEqual([userName, userDisplayName], [person.email, "Ada Lovelace"]);
});

scenario("the page fits a narrow window and stands still while it loads", async (person) => {
  const { page } = person;
  await page.setViewportSize({ width: 320, height: 640 });
  await page.addInitScript(() => {
    globalThis.shifts = 0;
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) globalThis.shifts += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(`${SERVER}/dev/passkeys`);
  await page.locator("html[data-ready]").waitFor();
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits());
  assert.equal(await page.evaluate(() => globalThis.shifts), 0);
  await person.look("narrow");

  await person.autofill(false);
  await person.takes(KINDS.platform);
  await person.register();
  await person.enrols("A passkey on this device");
  assert.ok(await fits());
  await person.look("narrow and signed in");
});

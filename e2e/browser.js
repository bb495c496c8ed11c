// Chromium with virtual authenticators, and what one person does in it on the page of passkeys.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { codeOf } from "./totp.js";

/** Where the server is. */
export const SERVER = setting("NIGHTLATCH_URL");
const CHROMIUM = setting("NIGHTLATCH_CHROMIUM");
const SCREENSHOTS = setting("NIGHTLATCH_SCREENSHOTS");

const PASSWORD = "violin mustard canyon";

/** Milliseconds for one wait, and for one test; ample on a busy machine. */
const PATIENCE = 60_000;
const LIMIT = 180_000;

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run cargo xtask test browser`);
  return value;
}

/** Authenticators as people have them. */
export const KINDS = {
  /** Of a telephone or a laptop, with a fingerprint. */
  platform: kind("ctap2", "internal", { hasResidentKey: true, ...verifies() }),
  /** The same, whose passkeys go to all devices of their owner. */
  synced: kind("ctap2", "internal", {
    hasResidentKey: true,
    ...verifies(),
    defaultBackupEligibility: true,
    defaultBackupState: true,
  }),
  /** A security key without a PIN. */
  touch: kind("ctap2", "usb", { hasResidentKey: true }),
  /** A security key with a PIN. */
  pin: kind("ctap2", "usb", { hasResidentKey: true, ...verifies() }),
  /** A security key of before passkeys. */
  u2f: kind("u2f", "usb", {}),
};

function kind(protocol, transport, more) {
  return { protocol, transport, automaticPresenceSimulation: true, ...more };
}

function verifies() {
  return { hasUserVerification: true, isUserVerified: true };
}

let browser;

before(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-component-update"],
  });
});

after(() => browser?.close());

/**
 * A test: a person with a browser of their own does `story`. It fails if the page breaks its policy
 * or reports an error, too.
 */
export function scenario(name, story) {
  test(name, { timeout: LIMIT }, async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    context.setDefaultTimeout(PATIENCE);
    try {
      const person = await Person.visit(await context.newPage());
      try {
        await story(person);
      } catch (error) {
        await person.look(`failed ${name}`);
        throw error;
      }
      assert.deepEqual(person.complaints, []);
    } finally {
      await context.close();
    }
  });
}

let visitors = 0;

/** One person at the page. */
class Person {
  constructor(page, cdp) {
    visitors += 1;
    this.email = `person${visitors}.${process.pid}@example.org`;
    this.page = page;
    this.cdp = cdp;
    /** What a browser's console shows in red. */
    this.complaints = [];
  }

  static async visit(page) {
    const cdp = await page.context().newCDPSession(page);
    const person = new Person(page, cdp);
    page.on("pageerror", (error) => person.complaints.push(String(error)));
    page.on("console", (message) => {
      // Refusals of the API are part of the stories.
      const refusal = /^Failed to load resource: .* status of 4\d\d/.test(message.text());
      const ours = message.location().url.startsWith(`${SERVER}/auth/`);
      const bad = ["error", "warning"].includes(message.type());
      if (bad && !(refusal && ours)) person.complaints.push(message.text());
    });
    await page.exposeFunction("reportViolation", (text) => person.complaints.push(text));
    await page.addInitScript(() =>
      document.addEventListener("securitypolicyviolation", (event) =>
        globalThis.reportViolation(`${event.violatedDirective}: ${event.blockedURI}`)));
    await cdp.send("WebAuthn.enable");
    await page.goto(`${SERVER}/dev/passkeys`);
    await page.locator("html[data-ready]").waitFor();
    // Virtual authenticators answer requests for autofill at once: it is for the test of it.
    await person.autofill(false);
    return person;
  }

  async autofill(on) {
    await this.page.getByLabel("Offer passkeys in the e-mail field").setChecked(on);
  }

  /** Gets an authenticator; the one before is left elsewhere. */
  async takes(kind, more = {}) {
    await this.leaves();
    const options = { ...kind, ...more };
    const { authenticatorId } = await this.cdp.send("WebAuthn.addVirtualAuthenticator", { options });
    this.authenticatorId = authenticatorId;
  }

  async leaves() {
    const { authenticatorId } = this;
    this.authenticatorId = undefined;
    if (authenticatorId) {
      await this.cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
    }
  }

  /** Says something to the authenticator. */
  async device(command, more = {}) {
    const { authenticatorId } = this;
    return this.cdp.send(`WebAuthn.${command}`, { authenticatorId, ...more });
  }

  async credentials() {
    return (await this.device("getCredentials")).credentials;
  }

  async press(name) {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  async sees(heading) {
    await this.page.getByRole("heading", { name: heading, exact: true }).waitFor();
  }

  /** Waits until the page says so. */
  async reads(text) {
    await this.page.locator("#notice").getByText(text).waitFor();
  }

  async text(selector) {
    return this.page.locator(selector).textContent();
  }

  async register() {
    await this.page.getByLabel("E-mail address").fill(this.email);
    await this.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await this.press("Register");
    await this.sees("Signed in");
  }

  async givesPassword() {
    await this.page.getByLabel("E-mail address").fill(this.email);
    await this.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await this.press("Sign in");
  }

  async signsOut() {
    await this.press("Sign out");
    await this.sees("Sign in");
  }

  /** Enrols, by the button of this name; recovery codes come with the first second factor. */
  async enrols(button) {
    const first = await this.page.locator("#methods-none").isVisible();
    await this.press(button);
    if (first) {
      await this.sees("Your recovery codes");
      await this.look("recovery codes");
      await this.press("I have kept them");
    }
    await this.sees("Signed in");
    await this.reads(" was added.");
  }

  async enrolsApp() {
    const first = await this.page.locator("#methods-none").isVisible();
    await this.press("An authenticator app");
    await this.sees("Your authenticator app");
    this.secret = await this.text("#app-secret");
    await this.look("authenticator app");
    await this.page.getByLabel("Code of the app").fill(codeOf(this.secret, 0));
    await this.press("Confirm");
    if (first) {
      await this.sees("Your recovery codes");
      await this.press("I have kept them");
    }
    await this.sees("Signed in");
  }

  /** Types a code that was not used yet. */
  async typesCode(label) {
    await this.page.getByLabel(label).fill(codeOf(this.secret, 1));
    await this.press("Continue");
  }

  async typesPassword() {
    await this.page.getByLabel("Your password").filter({ visible: true }).fill(PASSWORD);
    await this.press("Continue");
  }

  async signsInWithPasskey() {
    await this.press("Sign in with a passkey");
    await this.sees("Signed in");
  }

  async level() {
    return this.text("#level");
  }

  /** The tags of the only method. */
  async tags() {
    return this.page.locator("#methods .tags li").allTextContents();
  }

  /** Waits for a mail with this subject. */
  async isTold(subject) {
    const url = `${SERVER}/dev/v1/messages?to=${encodeURIComponent(this.email)}&wait=20`;
    await this.page.waitForFunction(async ([url, subject]) => {
      const { messages } = await (await fetch(url)).json();
      return messages.some((message) => message.subject === subject);
    }, [url, subject]);
  }

  /** Keeps a picture of the page. */
  async look(name) {
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.png`;
    await this.page.screenshot({ path: join(SCREENSHOTS, file), fullPage: true });
  }
}

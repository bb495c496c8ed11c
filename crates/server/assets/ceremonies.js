// WebAuthn in this browser: asking for credentials, telling authenticators what has changed, and
// saying in plain words what went wrong.

/** Whether this browser can do what the functions below need. */
export const isSupported = () =>
  typeof globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON === "function";

/** Whether passkeys can be offered among what the browser fills in. */
export const canAutofill = async () =>
  (await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.()) === true;

/**
 * Has a credential made.
 * @param {object} options as the server wrote them
 * @param {AbortSignal} signal ends the wait
 */
export async function create(options, signal) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey, signal })).toJSON();
}

/**
 * Asks for a credential.
 * @param {object} options as the server wrote them
 * @param {AbortSignal} signal ends the wait
 * @param {"conditional"} [mediation] among what the browser fills in, without a dialog
 */
export async function get(options, signal, mediation) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey, signal, mediation })).toJSON();
}

/** Authenticators may not listen, and there is nothing to do about it. */
async function tell(signal, what) {
  try {
    await PublicKeyCredential[signal]?.(what);
  } catch (error) {
    console.info(signal, error.name);
  }
}

/** Tells which passkeys of the account are still good; `signals` as the server lists them. */
export const signalAccepted = ({ rp_id, user_id, all_accepted_credential_ids }) =>
  tell("signalAllAcceptedCredentials", {
    rpId: rp_id,
    userId: user_id,
    allAcceptedCredentialIds: all_accepted_credential_ids,
  });

/** Tells what the account and its owner are called now. */
export const signalDetails = ({ rp_id, user_id, name, display_name }) =>
  tell("signalCurrentUserDetails", {
    rpId: rp_id,
    userId: user_id,
    name,
    displayName: display_name,
  });

/** Tells that a passkey is no longer registered. */
export const signalUnknown = ({ rp_id, credential_id }) =>
  tell("signalUnknownCredential", { rpId: rp_id, credentialId: credential_id });

const NOT_USED = "No passkey was used. You may have cancelled, or it took too long.";

const WORDS = {
  NotAllowedError: NOT_USED,
  AbortError: NOT_USED,
  TimeoutError: "We stopped waiting. Try again, or try another way.",
  InvalidStateError:
    "This device already has a passkey for your account. You can use it to sign in.",
  NotSupportedError:
    "This security key is too old for this. Use another key, or an authenticator app.",
  ConstraintError:
    "This key needs a PIN before it can be a passkey. Set a PIN, or add it as a security key.",
};

/**
 * What to tell a person when a ceremony failed; nothing for an error of another kind.
 * @param {Error} error what was thrown
 * @param {string} rpId the domain that passkeys are bound to
 */
export function words(error, rpId) {
  if (!(error instanceof DOMException)) return undefined;
  if (error.name === "SecurityError") {
    return `Passkeys don't work at this web address: it must match ${rpId}.`;
  }
  return WORDS[error.name];
}

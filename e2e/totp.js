// The codes of authenticator apps (RFC 6238), written apart from the server's.

import { createHmac } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECONDS = 30;

function decode(secret) {
  const bits = [...secret.replaceAll(/[^A-Z2-7]/g, "")]
    .map((symbol) => ALPHABET.indexOf(symbol).toString(2).padStart(5, "0"))
    .join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

/** The code of `secret`, so many periods from now. */
export function codeOf(secret, ahead) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / SECONDS) + ahead));
  const hash = createHmac("sha1", decode(secret)).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

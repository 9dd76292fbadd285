import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { parseId } from "@mailfold/ids";
import type { TokenId } from "@mailfold/kernel";

const secretLength = 43;

/** SHA-256 of a token's secret (or of the whole bootstrap token), hex. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}

/** 256 random bits as base64url. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** `mf_` + the id's 26 characters + the secret: found by id, proven by secret. */
export function formatBearerToken(tokenId: TokenId, secret: string): string {
  return `mf_${tokenId.slice("tok_".length)}${secret}`;
}

/** The parts of a token's text, or undefined when it has another form. */
export function parseBearerToken(text: string): { readonly tokenId: TokenId; readonly secret: string } | undefined {
  if (!/^mf_[0-9a-z]{26}[A-Za-z0-9_-]{43}$/.test(text)) return undefined;
  const tokenId = parseId("token", `tok_${text.slice(3, 29)}`);
  return tokenId === undefined ? undefined : { tokenId, secret: text.slice(29, 29 + secretLength) };
}

/** Compares two hex digests in constant time. */
export function equalDigests(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, "hex"), Buffer.from(b, "hex")];
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right);
}

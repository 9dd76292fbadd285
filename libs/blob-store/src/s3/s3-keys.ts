import type { BodyRef } from "@mailfold/events";

/** `<tenant>/<sha256>`, the part that all keys of a body share. Throws on what is not a reference. */
export function bodyName({ tenantId, sha256 }: Pick<BodyRef, "tenantId" | "sha256">): string {
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(tenantId) || !/^[0-9a-f]{64}$/.test(sha256))
    throw new Error(`invariant broken: not a body reference: ${tenantId}/${sha256}`);
  return `${tenantId}/${sha256}`;
}

/** The object keys in use, by purpose. */
export const s3Keys = {
  bodies: "bodies/",
  body: (name: string) => `bodies/${name}`,
  index: (name: string) => `index/${name}.json`,
  /** Marks since when a body has been held by nobody. */
  loose: (name: string) => `loose/${name}`,
  held: "held/",
  heldBy: (stream: string) => `held/${encodeStream(stream)}/`,
  hold: (stream: string, name: string) => `held/${encodeStream(stream)}/${name.replace("/", ".")}`,
} as const;

/** `ten_1/ab12` of `held/mail-mbx_1/ten_1.ab12`. */
export function heldName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1).replace(".", "/");
}

/** Stream names in characters that no S3 server and no signature treats specially. */
function encodeStream(stream: string): string {
  return stream.replace(/[^A-Za-z0-9._-]/gu, (character) =>
    [...Buffer.from(character, "utf8")].map((octet) => `~${octet.toString(16).padStart(2, "0")}`).join(""),
  );
}

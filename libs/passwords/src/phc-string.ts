/** Cost of one hash. */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** A password verifier in its parts; Argon2id, version 19 (RFC 9106). */
export interface Verifier extends Argon2Cost {
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

/** What new verifiers cost: 19 MiB, two passes, one lane (OWASP's minimum for Argon2id; about 20 to 40 ms). */
export const currentCost: Argon2Cost = { memoryKib: 19_456, passes: 2, lanes: 1 };

// An imported verifier may cost more, but not so much that one login stops the pool.
const memoryKibMax = 262_144;
const passesMax = 16;
const lanesMax = 8;

const pattern =
  /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** The PHC string of a verifier: `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`, base64 without padding. */
export function formatPhc(verifier: Verifier): string {
  const { memoryKib, passes, lanes, salt, tag } = verifier;
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(tag)}`;
}

/** A PHC string in its parts; undefined when it is not Argon2id version 19 within the cost bounds. */
export function parsePhc(text: string): Verifier | undefined {
  const [, memory = "", passesText = "", lanesText = "", salt = "", tag = ""] = pattern.exec(text) ?? [];
  const [memoryKib, passes, lanes] = [Number(memory), Number(passesText), Number(lanesText)];
  const withinBounds = passes >= 1 && passes <= passesMax && lanes >= 1 && lanes <= lanesMax && memoryKib >= 8 * lanes;
  if (!withinBounds || memoryKib > memoryKibMax) return undefined;
  return { memoryKib, passes, lanes, salt: Buffer.from(salt, "base64"), tag: Buffer.from(tag, "base64") };
}

/** Whether a verifier costs other than new ones do: hash again at the next successful login. */
export function needsRehash(phc: string): boolean {
  const verifier = parsePhc(phc);
  if (verifier === undefined) return true;
  const { memoryKib, passes, lanes } = verifier;
  return memoryKib !== currentCost.memoryKib || passes !== currentCost.passes || lanes !== currentCost.lanes;
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

/** Shortest password, characters (NIST SP 800-63B 3.1.1.2), and longest, octets of UTF-8: SASL PLAIN lines are bounded. */
export const passwordLength = { min: 8, octetsMax: 1_024 } as const;

/** Why a text cannot become a password, for a person; undefined = it can. */
export function passwordProblem(password: string): string | undefined {
  const text = normalizePassword(password);
  if (!text.isWellFormed()) return "the password is not valid Unicode text";
  if (/\p{Cc}/u.test(text)) return "the password must not hold control characters";
  if ([...text].length < passwordLength.min) return `the password has fewer than ${passwordLength.min} characters`;
  if (Buffer.byteLength(text) > passwordLength.octetsMax) {
    return `the password has more than ${passwordLength.octetsMax} octets`;
  }
  return undefined;
}

/** OpaqueString (RFC 8265 4.2): other spaces become U+0020, then NFC, so that all keyboards type the same password. */
export function normalizePassword(password: string): string {
  return password.replaceAll(/\p{Zs}/gu, " ").normalize("NFC");
}

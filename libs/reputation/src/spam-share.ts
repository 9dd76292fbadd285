/** Square of the normal quantile for 95 %: 1.959964^2, in millionths. */
const zSquaredMillionths = 3_841_459n;
const million = 1_000_000n;

/** Decayed counts of one sender's mail, both in the same unit (see mailUnits). */
export interface MailSample {
  readonly mail: number;
  readonly spam: number;
}

/**
 * Whether the lower end of Wilson's 95 % interval for the share of spam exceeds `shareMillionths`. It does exactly when
 * spam / mail > s and mail * (spam / mail - s)^2 > z^2 * s * (1 - s): integers alone, no roots.
 */
export function shareExceeds(sample: MailSample, shareMillionths: number): boolean {
  const mail = BigInt(Math.max(sample.mail, sample.spam));
  const spam = BigInt(sample.spam);
  const share = BigInt(shareMillionths);
  if (mail === 0n) return false;
  const excess = spam * million - share * mail; // (spam - s * mail) in millionths of a unit
  if (excess <= 0n) return false;
  // excess^2 / (10^12 u^2) > z^2 s (1 - s) mail / u, where u = mailUnits = 10^6 units a mail
  return excess * excess > zSquaredMillionths * share * (million - share) * mail;
}

/** Lower end of Wilson's 95 % interval, in parts of 10,000, rounded down; 0 without mail. For people to read. */
export function shareLowerBound(sample: MailSample): number {
  let below = 0;
  let above = 10_000;
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (shareExceeds(sample, middle * 100)) below = middle;
    else above = middle;
  }
  return below;
}

/** Chance that chi-square with `degrees` (even) degrees of freedom is at least `value`: 1 = nothing remarkable. */
export function chiSquareTail(value: number, degrees: number): number {
  const half = value / 2;
  if (half <= 0) return 1;
  // Terms are summed as logarithms: exp(-half) alone underflows for long messages.
  let logTerm = -half;
  let sum = Math.exp(logTerm);
  for (let i = 1; i < degrees / 2; i += 1) {
    logTerm += Math.log(half / i);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

/**
 * Combines the spam probabilities of tokens (each strictly between 0 and 1) by Fisher's method in Robinson's form: one
 * test against "all ham", one against "all spam"; where both or neither reject, the answer stays near 0.5.
 */
export function combineProbabilities(probabilities: readonly number[]): number {
  if (probabilities.length === 0) return 0.5;
  let logSpam = 0;
  let logHam = 0;
  for (const probability of probabilities) {
    logSpam += Math.log(probability);
    logHam += Math.log1p(-probability);
  }
  const degrees = 2 * probabilities.length;
  const hamness = chiSquareTail(-2 * logSpam, degrees);
  const spamness = chiSquareTail(-2 * logHam, degrees);
  // hamness is small when the tokens are unlikely to be so hammy by chance; likewise spamness.
  return (1 + hamness - spamness) / 2;
}

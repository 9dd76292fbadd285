export * from "./password-pool.ts";
export { passwordLength, passwordProblem } from "./password-text.ts";
export { needsRehash } from "./phc-string.ts";
export { PasswordsUnavailable } from "./workers.ts";

import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { assert } from "@mailfold/kernel";
import { normalizePassword, passwordProblem } from "./password-text.ts";
import type { Verifier } from "./phc-string.ts";
import { currentCost, formatPhc, needsRehash, parsePhc } from "./phc-string.ts";
import { createVerifiedCache } from "./verified-cache.ts";
import { createWorkers } from "./workers.ts";

/** Argon2id on threads of its own, with a bounded queue. */
export interface PasswordPool {
  /** A PHC string under the current cost. Throws RangeError for a text that passwordProblem objects to. */
  hash(password: string): Promise<string>;
  /** Whether the password is the verifier's. A pair found right is answered from memory for 60 s. */
  verify(phc: string, password: string): Promise<boolean>;
  /**
   * As much work as verify, for a login that names nobody. Always false. Give the login: equal calls at one time are one
   * piece of work here as there, so that waiting times tell nothing.
   */
  verifyNothing(password: string, login?: string): Promise<false>;
  /** Whether a right password should be hashed again, because the cost has changed since. */
  needsRehash(phc: string): boolean;
  /** Ends the threads; what waits is refused. */
  close(): Promise<void>;
}

export interface PasswordPoolOptions {
  /** Default: one core less than there are, at least one. Each running hash takes 19 MiB. */
  readonly threads?: number;
  /** Calls that may wait for a thread; more are refused at once. Default 64. */
  readonly queueMax?: number;
  /** Longest wait and work of one call, ms. Default 10,000. */
  readonly deadlineMs?: number;
  /** Milliseconds of a clock that never steps back, for the cache. */
  readonly now?: () => number;
}

const cacheEntriesMax = 10_000;
const cacheLifetimeMs = 60_000;
const saltBytes = 16;
const tagBytes = 32;

/** Starts the pool. All methods but needsRehash throw PasswordsUnavailable under overload. */
export function createPasswordPool(options: PasswordPoolOptions = {}): PasswordPool {
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  const queueMax = options.queueMax ?? 64;
  const deadlineMs = options.deadlineMs ?? 10_000;
  const pool = createWorkers(threads, queueMax, deadlineMs);
  const cache = createVerifiedCache({
    entriesMax: cacheEntriesMax,
    lifetimeMs: cacheLifetimeMs,
    now: options.now ?? (() => performance.now()),
  });
  const running = new Map<string, Promise<boolean>>();
  const nobody: Verifier = { ...currentCost, salt: randomBytes(saltBytes), tag: randomBytes(tagBytes) };

  const check = (verifier: Verifier, password: string) => pool.run<boolean>("check", { verifier, password });

  // A client that opens ten connections at once is one piece of work.
  const share = (key: string, work: () => Promise<boolean>) => {
    const pending = running.get(key) ?? work().finally(() => running.delete(key));
    running.set(key, pending);
    return pending;
  };

  return {
    async hash(password) {
      const problem = passwordProblem(password);
      if (problem !== undefined) throw new RangeError(problem);
      const salt = randomBytes(saltBytes);
      const task = { password: normalizePassword(password), salt, tagBytes, cost: currentCost };
      const tag = await pool.run<Uint8Array>("derive", task);
      return formatPhc({ ...currentCost, salt, tag });
    },
    async verify(phc, password) {
      const verifier = parsePhc(phc);
      assert(verifier !== undefined, "a stored verifier is an Argon2id PHC string");
      // What could never be set is not the password; it still costs the same.
      if (tooLong(password)) return check(nobody, "");
      const text = normalizePassword(password);
      const key = cache.keyOf(phc, text);
      if (cache.has(key)) return true;
      const right = await share(key, () => check(verifier, text));
      if (right) cache.add(key);
      return right;
    },
    async verifyNothing(password, login = randomBytes(16).toString("hex")) {
      const text = tooLong(password) ? "" : normalizePassword(password);
      await share(cache.keyOf(`nobody ${login}`, text), () => check(nobody, text));
      return false;
    },
    needsRehash,
    close: pool.close,
  };
}

function tooLong(password: string): boolean {
  return password.length > 1_024;
}

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before } from "node:test";
import type { DnsResolver } from "@mailfold/dns";
import { type EventStore, openMemoryEventStore } from "@mailfold/event-store";
import { createEventCodec, redactSecrets } from "@mailfold/events";
import { type Position, type Sealer, startOfLog } from "@mailfold/kernel";
import { readMessagePreview, readMessageText } from "@mailfold/mime";
import { applyPolicyEvent, type CompiledPolicy, emptyPolicy, policyEventTypes } from "@mailfold/policy";
import { auditTrail } from "@mailfold/projection-audit-trail";
import { createDirectory, type Directory, directoryProjection } from "@mailfold/projection-directory";
import { listings } from "@mailfold/projection-listings";
import { messageTrace } from "@mailfold/projection-message-trace";
import { policyIndex } from "@mailfold/projection-policy-index";
import { quarantine } from "@mailfold/projection-quarantine";
import { shadows, shadowVerdicts } from "@mailfold/projection-shadows";
import { MemoryRows, type ProjectionStatus, type ReadStore } from "@mailfold/read-store";
import { contentTestKey, matchContent } from "@mailfold/rules";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { hashSecret } from "../bearer-token.ts";
import type { Caller } from "../caller.ts";
import type { ApiConfig, ApiDeps, DeliveredCopy, RunningApi } from "../ports.ts";
import { startApi } from "../start-api.ts";
import { journalOver, type MemoryBodies, memoryBodies } from "./journal-test-world.ts";

export const adminToken = "admin-token-for-tests-0123456789abcdef";

/** Seals nothing, but looks like it; for tests only. */
export const plainSealer: Sealer = {
  seal: (scope, text) => ({ keyId: scope, nonce: "", ciphertext: Buffer.from(text).toString("base64") }),
  open: (sealed) => Buffer.from(sealed.ciphertext, "base64").toString(),
  blindIndex: (purpose, value) => createHmac("sha256", "test").update(`${purpose}\0${value}`).digest("hex"),
};

/** Everything the API needs, in memory. */
export interface ApiWorld {
  readonly deps: ApiDeps;
  readonly store: EventStore;
  readonly directory: Directory;
  /** TXT records by name. */
  readonly txt: Map<string, string[]>;
  /** Delivered messages, by `<mailbox> <verdict>`. */
  readonly copies: Map<string, readonly DeliveredCopy[]>;
  readonly bodies: MemoryBodies;
  /** Moves the clock, ms. */
  advance(byMs: number): void;
  /** Lets the views fold what is in the log. */
  fold(): Promise<void>;
  /** While true, views stand still. */
  lagging: boolean;
  close(): Promise<void>;
}

function resolverOf(txt: ReadonlyMap<string, readonly string[]>): DnsResolver {
  return {
    txt: async (name) => {
      const records = txt.get(name);
      return records === undefined ? { status: "none" } : { status: "found", records };
    },
    mx: async () => ({ status: "none" }),
    addresses: async () => ({ status: "none" }),
    ptr: async () => ({ status: "none" }),
  };
}

/** A world with an empty log. */
export async function createApiWorld(): Promise<ApiWorld> {
  let offset = 0;
  const clock = { now: () => Date.now() + offset };
  const store = await openMemoryEventStore({ codec: createEventCodec(plainSealer), clock });
  const views = [directoryProjection, policyIndex, auditTrail, messageTrace, quarantine, listings];
  const rows = new MemoryRows([...views, shadows, shadowVerdicts]);
  const directory = createDirectory(rows, () => 0);
  const txt = new Map<string, string[]>();
  const bodies = memoryBodies();
  let policy: CompiledPolicy = emptyPolicy();
  let position: Position = startOfLog;
  let folding: Promise<void> = Promise.resolve();

  const foldMore = async () => {
    for await (const event of store.readAll({ after: position })) {
      rows.append(event);
      if ((policyEventTypes as readonly string[]).includes(event.type)) policy = applyPolicyEvent(policy, event);
      position = event.position;
    }
    directory.invalidate();
  };
  const fold = () => {
    folding = folding.then(foldMore);
    return folding;
  };
  const waitForViews = async (wanted: Position) => {
    if (!world.lagging) await fold();
    return position >= wanted;
  };
  const status: ProjectionStatus = {
    name: "directory",
    version: 1,
    state: "running",
    position: startOfLog,
    lagEvents: 0,
    lagSeconds: 0,
  };
  const readStore: ReadStore = {
    get: (...args) => rows.get(...args),
    select: (...args) => rows.select(...args),
    selectAsync: async (...args) => rows.select(...args),
    status: () => [{ ...status, position }],
    waitFor: (wanted) => waitForViews(wanted),
    rebuild: async () => {},
    hash: async () => "",
    onAdvance: () => () => {},
    close: async () => {},
  };
  const world: ApiWorld = {
    store,
    directory,
    txt,
    lagging: false,
    fold,
    copies: new Map(),
    bodies,
    advance(byMs) {
      offset += byMs;
    },
    close: () => store.close(),
    deps: {
      journal: journalOver(store, bodies),
      rows: readStore,
      directory,
      policy: { current: () => policy, ready: () => true },
      sealer: plainSealer,
      idSecret: Buffer.alloc(32, 7),
      passwords: {
        hash: async (password) => `phc:${hashSecret(password)}`,
        verify: async (phc, password) => phc === `phc:${hashSecret(password)}`,
      },
      resolver: resolverOf(txt),
      log: createLogger("silent"),
      metrics: createMetrics(),
      clock,
      mime: {
        preview: async (bytes) => readMessagePreview(bytes),
        text: async (bytes) => readMessageText(bytes),
      },
      ruleContent: {
        async match(content, tests) {
          const answers = matchContent(content, tests, { budgetMs: 1_000, now: () => 0 });
          return new Map(tests.map((test, index) => [contentTestKey(test), answers[index] ?? { result: "undecided" }]));
        },
      },
      copiesOf: async (mailboxId, verdictId) => world.copies.get(`${mailboxId} ${verdictId}`) ?? [],
      waitForViews,
      readiness: () => ({ ready: true, roles: { api: true } }),
      redactSecrets,
      adminTokenHash: hashSecret(adminToken),
    },
  };
  await fold();
  return world;
}

/** A caller of a platform token. */
export const platformCaller: Caller = {
  subject: "tests",
  tokenId: "tests",
  name: "tests",
  scope: { kind: "platform" },
  context: {},
};

/** The API of a world on a free port of the loopback. */
export async function startTestApi(
  world: ApiWorld,
  config: Partial<ApiConfig> = {},
): Promise<RunningApi & { url: string }> {
  const api = await startApi(world.deps, {
    host: "127.0.0.1",
    ports: { http: 0, https: 0 },
    trustedProxies: [],
    ...config,
  });
  return { ...api, url: `http://127.0.0.1:${api.ports.http}` };
}

/** A world and its API for all tests of the suite, or the file, that calls this: there before them, closed after them. */
export function serveApiWorld(): { readonly world: ApiWorld; readonly url: string } {
  let served: { readonly world: ApiWorld; readonly api: Awaited<ReturnType<typeof startTestApi>> } | undefined;
  const now = () => served ?? assert.fail("used before the tests have begun");
  before(async () => {
    const world = await createApiWorld();
    served = { world, api: await startTestApi(world) };
  });
  after(async () => {
    await served?.api.close();
    await served?.world.close();
  });
  return {
    get world() {
      return now().world;
    },
    get url() {
      return now().api.url;
    },
  };
}

/** Posts a GraphQL document. */
export async function graphql(
  url: string,
  query: string,
  options: { readonly token?: string; readonly variables?: Record<string, unknown> } = {},
) {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${options.token ?? adminToken}` },
    body: JSON.stringify({ query, variables: options.variables ?? {} }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects
  const body: any = JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body, data: body.data, errors: body.errors };
}

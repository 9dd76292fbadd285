import type { Append, AppendResult } from "@mailfold/event-store";

import type { MessageQueued } from "@mailfold/events";
import { idFromUuid } from "@mailfold/ids";
import type { Commit, Journal } from "@mailfold/journal";
import type { MailboxId, MessageId, Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { MailboxRecord } from "@mailfold/projection-directory";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { foldOutbound } from "./outbound-message.ts";
import type { OutboundConfig, OutboundDeps } from "./ports.ts";

/** An in-memory house around the delivery workers, for tests: journal, clock, resolver. */
export interface OutboundWorld {
  readonly deps: OutboundDeps;
  readonly config: OutboundConfig;
  readonly streams: ReadonlyMap<string, RecordedEvent[]>;
  readonly bodies: ReadonlyMap<string, Uint8Array>;
  now: number;
  queue(
    options?: Partial<{
      sender: string;
      recipients: readonly string[];
      vouchedBy: string;
      body: string;
      lifeMs: number;
      smtpUtf8: boolean;
      ifFailed: MessageQueued["data"]["ifFailed"];
    }>,
  ): Promise<MessageId>;
  events(id: MessageId): readonly RecordedEvent[];
}

export interface WorldOptions {
  readonly port: number;
  /** MX by domain; addresses by host. Domains not named answer "none". */
  readonly mx?: Readonly<Record<string, readonly { exchange: string; priority: number }[] | "failed">>;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly allowPrivate?: boolean;
  readonly localMailbox?: string;
}

export function createOutboundWorld(options: WorldOptions): OutboundWorld {
  const streams = new Map<string, RecordedEvent[]>();
  const bodies = new Map<string, Uint8Array>();
  let position = 0;
  let made = 0;
  const world = { now: 1_000_000 };
  function append(each: Append): number | undefined {
    const stream = streams.get(each.stream) ?? [];
    const last = stream.length - 1;
    const wanted = each.expected === "any" ? last : each.expected === "none" ? -1 : each.expected;
    if (wanted !== last) return undefined;
    for (const event of each.events) {
      position += 1;
      stream.push({
        ...event,
        stream: each.stream,
        revision: stream.length,
        position: String(position).padStart(16, "0") as Position,
      });
    }
    streams.set(each.stream, stream);
    return stream.length - 1;
  }
  async function commit(work: Commit): Promise<AppendResult> {
    for (const body of work.bodies ?? []) bodies.set(body.ref.sha256, body.bytes);
    for (const each of work.appends) {
      if (append(each) === undefined)
        return {
          ok: false,
          stream: each.stream,
          expected: each.expected,
          actual: (streams.get(each.stream)?.length ?? 0) - 1,
        };
    }
    return { ok: true, position: String(position) as Position, revisions: [], replayed: false };
  }
  const events = {
    async *readStream(stream: string) {
      yield* [...(streams.get(stream) ?? [])];
    },
  };
  const blob = { read: async (ref: { sha256: string }) => bodies.get(ref.sha256), setHeld: async () => undefined };
  const journal = { commit, events, bodies: blob } as unknown as Journal;
  const deps: OutboundDeps = {
    journal,
    directory: {
      resolve: (address: string) =>
        address === options.localMailbox
          ? [{ mailboxId: "mbx_local" as MailboxId, tenantId: "ten_a" as TenantId, address } as MailboxRecord]
          : undefined,
      mailbox: (mailboxId: string) =>
        mailboxId.startsWith("mbx_")
          ? { mailboxId, status: mailboxId === "mbx_gone" ? "deleted" : "active" }
          : undefined,
    } as unknown as OutboundDeps["directory"],
    resolver: {
      mx: async (name) => {
        const answer = options.mx?.[name];
        if (answer === "failed") return { status: "failed", cause: "SERVFAIL" };
        return answer === undefined ? { status: "none" } : { status: "found", records: answer };
      },
      addresses: async (name) => {
        const records = options.addresses?.[name];
        return records === undefined ? { status: "none" } : { status: "found", records };
      },
      txt: async () => ({ status: "none" }),
      ptr: async () => ({ status: "none" }),
    },
    log: createLogger("silent"),
    metrics: createMetrics(),
    clock: { now: () => world.now },
    newMessageId() {
      made += 1;
      return idFromUuid("message", `018f0000-0000-7000-8000-${String(made).padStart(12, "0")}`);
    },
    dueMessages: (now, limit) => due(streams, now).slice(0, limit),
    waitingCount: () => due(streams, Number.POSITIVE_INFINITY).length,
    ready: () => true,
  };
  const config: OutboundConfig = {
    hostname: "mx.mailfold.test",
    smarthost: undefined,
    allowPrivate: options.allowPrivate ?? true,
    ownAddresses: [],
    mxPort: options.port,
    concurrency: 10,
    perDestination: 2,
    contentBytesMax: 1_000_000,
    retryDelaysMs: [1_000, 10_000],
    timeoutMs: 2_000,
    pollMs: 5,
  };
  return Object.assign(world, {
    deps,
    config,
    streams,
    bodies,
    events: (id: MessageId) => streams.get(`outbound-${id}`) ?? [],
    async queue(more: Parameters<OutboundWorld["queue"]>[0] = {}) {
      const messageId = deps.newMessageId();
      const bytes = new TextEncoder().encode(more.body ?? "Subject: hello\r\n\r\nbody\r\n");
      const ref = { tenantId: "ten_a", sha256: messageId, sizeBytes: bytes.length };
      const data = {
        messageId,
        sender: more.sender ?? "alice@ours.test",
        recipients: more.recipients ?? ["bob@far.test"],
        body: ref,
        prefix: "Received: by mx\r\n",
        sizeBytes: bytes.length,
        vouchedBy: more.vouchedBy ?? "login",
        expiresAt: world.now + (more.lifeMs ?? 100_000),
        smtpUtf8: more.smtpUtf8 ?? false,
        eightBit: true,
        ...(more.ifFailed === undefined ? {} : { ifFailed: more.ifFailed }),
      };
      const event = {
        id: messageId,
        type: "MessageQueued",
        data,
        metadata: { actor: { type: "system", id: "t" } as const, tenantId: "ten_a" as TenantId },
        occurredAt: world.now,
      };
      await commit({
        bodies: [{ ref, bytes }],
        appends: [{ stream: `outbound-${messageId}`, expected: "none", events: [event] }],
      });
      return messageId;
    },
  });
}

function due(streams: ReadonlyMap<string, RecordedEvent[]>, now: number): MessageId[] {
  return [...streams].flatMap(([name, events]) => {
    const message = name.startsWith("outbound-") ? foldOutbound(events) : undefined;
    return message !== undefined &&
      !message.finished &&
      Math.min(message.nextAttemptAt, message.queued.expiresAt) <= now
      ? [message.queued.messageId]
      : [];
  });
}

import type { Evidence, EvidenceKind } from "./evidence.ts";
import { dayMs, hourMs, mailbox, startAt } from "./evidence-test-world.ts";
import { learn } from "./learn.ts";
import { newReputation, type Reputation } from "./ledger.ts";
import type { ListingDecision } from "./listing.ts";
import {
  type SimulatedSender,
  type SimulatedTenant,
  simulatedCast,
  simulatedTenants,
  type WorldSize,
} from "./simulated-cast-test-world.ts";
import { subjectKey, subjectsOfSender } from "./subjects.ts";

/** What became of a sender's mail. */
export interface SenderStory {
  readonly sender: SimulatedSender;
  readonly subjects: Set<string>;
  firstSpamAt?: number;
  lastSpamAt?: number;
  /** First time the platform's list named one of its subjects. */
  platformListedAt?: number;
  /** First time any list but a colluder's did. */
  listedAt?: number;
  /** When the last of those listings ended. */
  freeAt?: number;
  /** Tenants that ever had it on their own list, colluders apart. */
  readonly tenantsListing: Set<string>;
  colluderListed: boolean;
  spamTaken: number;
  spamStopped: number;
  goodTaken: number;
  goodStopped: number;
}

/** What happened in a world. */
export interface WorldOutcome {
  readonly reputation: Reputation;
  readonly stories: readonly SenderStory[];
  readonly decisions: readonly ListingDecision[];
  readonly evidenceCount: number;
  readonly endAt: number;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Mail {
  readonly story: SenderStory;
  readonly at: number;
  readonly isSpam: boolean;
}

/** Plays the world and tells a fold of all that its users and filters see. `seen` gets each evidence in log order. */
export function playWorld(size: WorldSize, seed: number, seen: (evidence: Evidence) => void = () => {}): WorldOutcome {
  const world = new World(size, seed, seen);
  for (let day = 0; day < size.days; day++) world.playDay(day);
  return world.outcome(size.days);
}

class World {
  readonly #random: () => number;
  readonly #stories: readonly SenderStory[];
  readonly #reputation = newReputation();
  readonly #decisions: ListingDecision[] = [];
  readonly #later: Evidence[][] = [];
  readonly #seen: (evidence: Evidence) => void;
  #count = 0;

  constructor(size: WorldSize, seed: number, seen: (evidence: Evidence) => void) {
    this.#seen = seen;
    this.#random = randomOf(seed);
    this.#stories = simulatedCast(size, (below) => Math.floor(this.#random() * below)).map((sender) => ({
      sender,
      subjects: new Set(subjectsOf(sender).map(subjectKey)),
      tenantsListing: new Set<string>(),
      colluderListed: false,
      spamTaken: 0,
      spamStopped: 0,
      goodTaken: 0,
      goodStopped: 0,
    }));
  }

  playDay(day: number): void {
    const mails: (Mail | Evidence)[] = [...(this.#later[day] ?? [])];
    for (const story of this.#stories) {
      const { good, spam } = story.sender.mailsOf(day);
      for (let mail = 0; mail < good + spam; mail++) {
        const at = startAt + day * dayMs + Math.floor(this.#random() * dayMs);
        mails.push({ story, at, isSpam: mail >= good });
      }
    }
    mails.sort((one, other) => one.at - other.at);
    for (const happening of mails) {
      if ("story" in happening) this.#receive(happening);
      else this.#tell(happening);
    }
  }

  #chance = (share: number): boolean => this.#random() < share;
  #pick = <Item>(items: readonly Item[]): Item => items[Math.floor(this.#random() * items.length)] as Item;

  #receive({ story, at, isSpam }: Mail): void {
    const { sender } = story;
    const tenant = this.#pick(simulatedTenants);
    const ip = this.#pick(sender.ips);
    const domain = sender.aligned ? sender.domain : undefined;
    const keys = subjectsOfSender(ip, domain, domain && `news@${domain}`).map(subjectKey);
    if (isSpam) {
      story.firstSpamAt ??= at;
      story.lastSpamAt = at;
    }
    const isStopped = [tenant.tenantId, "platform" as const].some((scope) => {
      const listed = this.#reputation.ledgers.get(scope)?.listed;
      return listed !== undefined && keys.some((key) => listed.has(key));
    });
    story[isSpam ? (isStopped ? "spamStopped" : "spamTaken") : isStopped ? "goodStopped" : "goodTaken"]++;
    const base = { at, tenant, ip, domain };
    // What a listing stops is told all the same, as its doing: it must count for nothing.
    if (isStopped) this.#tell(this.#evidence("contentSpam", { ...base, causedBy: "listing" }));
    else if (isSpam) this.#receiveSpam(story, base);
    else this.#receiveGood(story, base);
  }

  #receiveSpam(story: SenderStory, base: Base): void {
    const { role } = story.sender;
    if (role !== "compromised account" && this.#chance(0.1)) {
      this.#tell(this.#evidence("unknownRecipient", base));
      return;
    }
    const isRefused = this.#chance(0.2);
    const message = { key: `m${this.#count}`, at: base.at, taken: !isRefused };
    if (!isRefused) this.#tell(this.#evidence("accepted", { ...base, message }));
    if (role !== "snowshoe" && this.#chance(0.02)) this.#tell(this.#evidence("trap", { ...base, message }));
    else if (isRefused || this.#chance(0.5)) this.#tell(this.#evidence("contentSpam", { ...base, message }));
    if (isRefused) return;
    const reader = Math.floor(this.#random() * base.tenant.mailboxes);
    if (role === "buyer of immunity" && isFriend(base.tenant, reader)) {
      this.#soon("userNotSpam", { ...base, message, reader });
      this.#soon("replied", { ...base, message, reader });
    } else if (this.#chance(0.3)) this.#soon("userSpam", { ...base, message, reader });
  }

  #receiveGood(story: SenderStory, base: Base): void {
    const message = { key: `m${this.#count}`, at: base.at, taken: true };
    this.#tell(this.#evidence("accepted", { ...base, message }));
    const reader = Math.floor(this.#random() * base.tenant.mailboxes);
    const isHated = base.tenant.colludes && story.sender.role === "rival of the colluders";
    if (isHated || marksEverything(base.tenant, reader)) {
      this.#soon("userSpam", { ...base, message, reader });
      return;
    }
    if (this.#chance(0.003)) {
      this.#tell(this.#evidence("contentSpam", { ...base, message }));
      if (this.#chance(0.5)) this.#soon("userNotSpam", { ...base, message, reader });
    } else if (this.#chance(0.002)) this.#soon("userSpam", { ...base, message, reader });
    else if (this.#chance(0.3)) this.#soon(this.#chance(0.2) ? "replied" : "read", { ...base, message, reader });
  }

  #evidence(kind: EvidenceKind, said: Said): Evidence {
    const { at, tenant, ip, domain, message, reader, causedBy } = said;
    const { tenantId, resellerId, createdAt, onlyMailbox } = tenant;
    const id = `e${this.#count++}`;
    return {
      kind,
      id,
      at,
      tenant: { tenantId, resellerId, createdAt, ...(onlyMailbox ? { onlyMailbox } : {}) },
      peer: { ip },
      ...(domain === undefined ? {} : { alignedDomain: domain, sender: `news@${domain}` }),
      ...(kind === "unknownRecipient" ? {} : { message: message ?? { key: id, at, taken: false } }),
      ...(reader === undefined ? {} : { reporter: mailbox(tenant, reader) }),
      ...(causedBy === undefined ? {} : { causedBy }),
    };
  }

  /** Users see their mail within ten hours, in this world never before midnight. */
  #soon(kind: EvidenceKind, said: Said): void {
    const today = Math.floor((said.at - startAt) / dayMs);
    const seenAt = said.at + Math.floor((0.25 + this.#random() * 10) * hourMs);
    const at = Math.max(seenAt, startAt + (today + 1) * dayMs);
    const list = this.#later[today + 1] ?? [];
    this.#later[today + 1] = list;
    list.push(this.#evidence(kind, { ...said, at }));
  }

  #tell(evidence: Evidence): void {
    this.#seen(evidence);
    for (const decision of learn(this.#reputation, evidence).decisions) this.#note(decision);
  }

  #note(decision: ListingDecision): void {
    this.#decisions.push(decision);
    const key = subjectKey(decision.subject);
    const { scope, at } = decision;
    for (const story of this.#stories) {
      if (!story.subjects.has(key)) continue;
      if (simulatedTenants.some(({ tenantId, colludes }) => colludes && tenantId === scope)) {
        story.colluderListed = true;
        continue;
      }
      if (decision.type === "delisted") story.freeAt = at;
      else {
        story.listedAt ??= at;
        if (scope === "platform") story.platformListedAt ??= at;
        else story.tenantsListing.add(scope);
      }
    }
  }

  outcome(days: number): WorldOutcome {
    return {
      reputation: this.#reputation,
      stories: this.#stories,
      decisions: this.#decisions,
      evidenceCount: this.#count,
      endAt: startAt + days * dayMs,
    };
  }
}

interface Base {
  readonly at: number;
  readonly tenant: SimulatedTenant;
  readonly ip: string;
  readonly domain: string | undefined;
}
interface Said extends Base {
  readonly message?: { readonly key: string; readonly at: number; readonly taken: boolean };
  readonly reader?: number;
  readonly causedBy?: "listing";
}

function subjectsOf({ ips, domain, aligned }: SimulatedSender) {
  return ips.flatMap((ip) =>
    subjectsOfSender(ip, aligned ? domain : undefined, aligned ? `news@${domain}` : undefined),
  );
}

/** The reporter who marks everything is the second mailbox of the fifth tenant. */
const marksEverything = (tenant: SimulatedTenant, reader: number): boolean =>
  tenant.tenantId === "ten_04" && reader === 1;
/** Friends of those who buy immunity: two mailboxes in each of four tenants. */
const isFriend = (tenant: SimulatedTenant, reader: number): boolean => /ten_0[5-8]/.test(tenant.tenantId) && reader < 2;

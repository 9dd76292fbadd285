import { request as httpRequest } from "node:http";
import type { Kind, Names, Slot } from "./foreign-probes.ts";
import type { Platform } from "./platform.ts";
import { mutate } from "./provision.ts";
import { makeTenantThings, platformEvent, sharedCommandId, type TenantThings } from "./tenant-things.ts";

/** A name of the same kind and length that nobody has. */
export function missingLike(name: string, kind: Kind, salt: number): string {
  const noise = (length: number) =>
    (salt * 7_919 + 104_729)
      .toString(36)
      .repeat(20)
      .replace(/[ilou]/g, "z")
      .slice(0, length);
  if (/^[a-z]{3}_[0-9a-z]{26}$/.test(name)) return name.slice(0, -10) + noise(10);
  if (kind === "messageId") return `<${noise(name.length - 7)}.test>`;
  if (kind === "listed") return `203.0.113.${100 + (salt % 100)}`;
  const at = name.indexOf("@");
  if (at > 0) return `${noise(at)}@${noise(name.length - at - 6)}.test`;
  return name.endsWith(".test") ? `${noise(name.length - 5)}.test` : noise(name.length);
}

export interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
}

/** One request; a token that asks faster than it may waits and asks again. */
export async function ask(...call: Parameters<typeof post>): Promise<Answer> {
  for (;;) {
    const answer = await post(...call);
    if (answer.status !== 429 || call[2].token === null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** POST /graphql from a chosen loopback address: failed authentications are counted by address. */
function post(
  platform: Platform,
  body: { readonly query: string; readonly variables: unknown },
  options: { readonly token: string | null; readonly from?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port: platform.ports.http,
        path: "/graphql",
        method: "POST",
        localAddress: options.from ?? "127.0.0.1",
        headers: {
          "content-type": "application/json",
          ...(options.token === null ? {} : { authorization: `Bearer ${options.token}` }),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => {
          const { date: _date, "x-request-id": _id, ...headers } = response.headers;
          resolve({ status: response.statusCode ?? 0, headers: JSON.stringify(headers), text });
        });
      },
    );
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });
}

/** An answer without what is each request's own: its id, the name it asked for, and of a simulation its id and times. */
export function normal(answer: Answer, name: string): Answer {
  const text = answer.text
    .replaceAll(/req_[\w-]{16}/g, "«request»")
    .replaceAll(/"sim_\w+"/g, '"«simulation»"')
    .replaceAll(/"(from|to|startedAt)":"2[^"]+Z"/g, '"$1":"«time»"')
    .replaceAll(JSON.stringify(name).slice(1, -1), "«name»");
  return { ...answer, text };
}

export interface Role {
  readonly name: string;
  readonly token: string | null;
  readonly own: TenantThings;
  readonly foreign: TenantThings;
  /** A position of nobody's event beside the foreign tenant's. */
  readonly nobody: string;
  /** Kinds that are not foreign after all: siblings share a reseller. */
  readonly shared?: readonly Kind[];
}

/** Every name of the slot's kind beside a missing one. */
export function pairs(slot: Slot, role: Role, salt: number): readonly (readonly [foreign: string, missing: string])[] {
  if (role.shared?.includes(slot.kind)) return [];
  if (slot.kind === "position") return role.foreign.names.position.map((name) => [name, role.nobody]);
  return role.foreign.names[slot.kind].map((name, index) => [name, missingLike(name, slot.kind, index + salt)]);
}

/** Inputs of one slot: as it is, and for mutations also dry and with a commandId that the other tenant used. */
export function requests(
  slot: Slot,
  name: string,
  own: Names,
): readonly { query: string; variables: Record<string, unknown> }[] {
  const { query, variables } = slot.request(name, own);
  const { input } = variables;
  if (slot.operation === "senderList") {
    return [{}, { list: "LEARNED" }].map((list) => ({ query, variables: { ...list, ...variables } }));
  }
  if (!slot.isCommand || typeof input !== "object") return [{ query, variables }];
  const more = [{}, { dryRun: true }, { commandId: sharedCommandId }];
  return more.map((members) => ({ query, variables: { input: { ...input, ...members } } }));
}

/** Three tenants, two of them of one reseller, and who asks for whose things. */
export async function makeRoles(platform: Platform) {
  const a = await makeTenantThings(platform, "aaaa");
  const besideA = await platformEvent(platform, "192.0.2.101");
  const sibling = await makeTenantThings(platform, "sibl", a.tenant.resellerId);
  const besideSibling = await platformEvent(platform, "192.0.2.102");
  const b = await makeTenantThings(platform, "bbbb");
  const besideB = await platformEvent(platform, "192.0.2.103");
  const resellerToken = async (things: TenantThings) => {
    const scope = { resellerId: things.tenant.resellerId };
    const made = await mutate(platform, "tokenCreate", "secret", { name: "reseller", scope });
    return made.secret as unknown as string;
  };
  const roles: readonly Role[] = [
    { name: "tenant A", token: a.secret, own: a, foreign: b, nobody: besideB },
    { name: "tenant A", token: a.secret, own: a, foreign: sibling, nobody: besideSibling, shared: ["reseller"] },
    { name: "tenant B", token: b.secret, own: b, foreign: a, nobody: besideA },
    { name: "reseller A", token: await resellerToken(a), own: a, foreign: b, nobody: besideB },
    { name: "reseller B", token: await resellerToken(b), own: b, foreign: a, nobody: besideA },
  ];
  return { a, sibling, b, roles };
}

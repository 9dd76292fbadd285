import { type DnsAnswer, type DnsResolver, reverseName } from "@mailfold/dns";

/** Records of one name; `servfail` and `silent` answer so to every question about it. */
export type FakeName =
  | "servfail"
  | "silent"
  | {
      readonly A?: readonly string[];
      readonly ttlSeconds?: number;
      readonly MX?: readonly string[];
      readonly TXT?: readonly string[];
      readonly PTR?: readonly string[];
      readonly CNAME?: string;
    };

export interface FakeDns extends DnsResolver {
  /** `TYPE name` of every question so far. */
  readonly asked: string[];
}

/** DNS from a table of names; a name that is not in it does not exist. Circles of aliases answer "no such record". */
export function fakeDns(zone: Readonly<Record<string, FakeName>>): FakeDns {
  const asked: string[] = [];
  const look = <T>(
    type: string,
    name: string,
    pick: (found: Exclude<FakeName, string>) => readonly T[] | undefined,
  ): Promise<DnsAnswer<T>> => {
    asked.push(`${type} ${name}`);
    for (let at = name, step = 0; ; step += 1) {
      const found = zone[at];
      if (found === "silent") return new Promise(() => {});
      if (found === "servfail") return Promise.resolve({ status: "failed", cause: "ESERVFAIL" });
      if (found === undefined) return Promise.resolve({ status: "none", noSuchName: true });
      if (found.CNAME === undefined || type === "CNAME" || step > 8) {
        const records = pick(found) ?? [];
        return Promise.resolve(records.length > 0 ? { status: "found", records } : { status: "none" });
      }
      at = found.CNAME;
    }
  };
  const ofFamily = (family: 4 | 6 | undefined) => (found: Exclude<FakeName, string>) =>
    found.A?.filter((ip) => family === undefined || ip.includes(":") === (family === 6));
  return {
    asked,
    addresses: (name, family) => look("A", name, ofFamily(family)),
    addressRecords: (name) =>
      look("A", name, (found) => found.A?.map((address) => ({ address, ttlSeconds: found.ttlSeconds ?? 0 }))),
    mx: (name) =>
      look("MX", name, (found) =>
        found.MX?.map((text) => ({ priority: Number(text.split(" ")[0]), exchange: text.split(" ")[1] ?? "" })),
      ),
    txt: (name) => look("TXT", name, (found) => found.TXT),
    ptr: (ip) => look("PTR", reverseName(ip), (found) => found.PTR),
    cname: (name) => look("CNAME", name, (found) => (found.CNAME === undefined ? [] : [found.CNAME])),
  };
}

import { readFileSync } from "node:fs";
import { EventStoreFault } from "../port.ts";

/** Where a KurrentDB cluster is and how to talk to it: a connection string, taken apart. */
export interface KurrentTarget {
  readonly hosts: readonly { readonly address: string; readonly port: number }[];
  /** `+discover`: the one host is a DNS name or seed to be asked for the cluster's members. */
  readonly discover: boolean;
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly tls: boolean;
  readonly rootCertificate?: Buffer;
  readonly userCertificate?: { readonly certificate: Buffer; readonly key: Buffer };
  readonly nodePreference?: "leader" | "follower" | "random" | "read_only_replica";
  readonly maxDiscoverAttempts?: number;
  readonly discoveryIntervalMs?: number;
  readonly gossipTimeoutSeconds?: number;
  readonly keepAliveIntervalMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly connectionName?: string;
  /** `host:port[,host:port]`, safe to log. */
  readonly shown: string;
}

const schemes = /^(?:kurrentdb|kurrent|kdb|esdb)(\+discover)?:\/\//;
const knownOptions = [
  "tls",
  "tlscafile",
  "tlsverifycert",
  "usercertfile",
  "userkeyfile",
  "nodepreference",
  "maxdiscoverattempts",
  "discoveryinterval",
  "gossiptimeout",
  "keepaliveinterval",
  "keepalivetimeout",
  "connectionname",
  "defaultdeadline",
];

/**
 * Reads `kurrentdb://` and `esdb://` connection strings (`+discover` too). Taken apart here and not by the client, which
 * knows only esdb://, prints the whole string with its password on a typing error, and drops what it cannot honour.
 * Refuses with a fault that never contains the password.
 */
export function parseKurrentConnectionString(text: string): KurrentTarget {
  const scheme = schemes.exec(text);
  if (!scheme) throw refused("must start with kurrentdb:// or esdb:// (or kurrentdb+discover://)");
  const [authority = "", query = ""] = splitOnce(text.slice(scheme[0].length), "?");
  const at = authority.lastIndexOf("@");
  const credentials = at < 0 ? undefined : credentialsOf(authority.slice(0, at));
  const hosts = authority
    .slice(at + 1)
    .replace(/\/+$/, "")
    .split(",")
    .map(hostOf);
  const options = optionsOf(query);
  const tls = booleanOf(options, "tls", true);
  if (!booleanOf(options, "tlsverifycert", true))
    throw refused("tlsVerifyCert=false is not supported: give the issuer's certificate with tlsCAFile");
  if (tls && !credentials && !options.has("usercertfile"))
    throw refused("needs user:password@ (or a user certificate) when TLS is on; tls=false connects without");
  return {
    hosts,
    discover: scheme[1] !== undefined,
    tls,
    ...(credentials === undefined ? {} : { credentials }),
    ...certificatesOf(options),
    ...settingsOf(options),
    shown: hosts.map((host) => `${host.address}:${host.port}`).join(","),
  };
}

function refused(message: string): EventStoreFault {
  return new EventStoreFault("fatal", `KurrentDB connection string ${message}`);
}

function splitOnce(text: string, mark: string): readonly [string, string] {
  const index = text.indexOf(mark);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

function credentialsOf(text: string): { readonly username: string; readonly password: string } {
  const [username, password] = splitOnce(text, ":");
  if (username === "" || password === "") throw refused("has credentials that are not user:password");
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw refused("has credentials that are not percent-encoded correctly");
  }
}

function hostOf(text: string): { readonly address: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? "2113");
  if (!match?.[1] || port < 1 || port > 65_535) throw refused("needs host or host:port, several separated by commas");
  return { address: match[1], port };
}

function optionsOf(query: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const pair of query.split("&").filter((part) => part !== "")) {
    const [name, value] = splitOnce(pair, "=");
    const key = name.trim().toLowerCase().replace(/[_-]/g, "");
    if (!knownOptions.includes(key)) throw refused(`has an unknown option ${JSON.stringify(name)}`);
    options.set(key, decodeURIComponent(value.trim()));
  }
  return options;
}

function booleanOf(options: ReadonlyMap<string, string>, key: string, otherwise: boolean): boolean {
  const value = options.get(key);
  if (value === undefined) return otherwise;
  if (value !== "true" && value !== "false") throw refused(`option ${key} must be true or false`);
  return value === "true";
}

function certificatesOf(
  options: ReadonlyMap<string, string>,
): Pick<KurrentTarget, "rootCertificate" | "userCertificate"> {
  const read = (key: string): Buffer | undefined => {
    const path = options.get(key);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new EventStoreFault("fatal", `KurrentDB ${key} ${path} cannot be read`, { cause });
    }
  };
  const rootCertificate = read("tlscafile");
  const certificate = read("usercertfile");
  const key = read("userkeyfile");
  if ((certificate === undefined) !== (key === undefined)) throw refused("needs userCertFile and userKeyFile together");
  return {
    ...(rootCertificate === undefined ? {} : { rootCertificate }),
    ...(certificate === undefined || key === undefined ? {} : { userCertificate: { certificate, key } }),
  };
}

function settingsOf(options: ReadonlyMap<string, string>): Partial<KurrentTarget> {
  const integer = (key: string): number | undefined => {
    const value = options.get(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value)) throw refused(`option ${key} must be a whole number`);
    return Number(value);
  };
  const preference = options.get("nodepreference")?.toLowerCase().replace(/[_-]/g, "");
  const nodePreference =
    preference === undefined
      ? undefined
      : ({ leader: "leader", follower: "follower", random: "random", readonlyreplica: "read_only_replica" } as const)[
          preference
        ];
  if (preference !== undefined && nodePreference === undefined)
    throw refused("option nodePreference must be leader, follower, random or readOnlyReplica");
  const settings = {
    nodePreference,
    maxDiscoverAttempts: integer("maxdiscoverattempts"),
    discoveryIntervalMs: integer("discoveryinterval"),
    gossipTimeoutSeconds: integer("gossiptimeout"),
    keepAliveIntervalMs: integer("keepaliveinterval"),
    keepAliveTimeoutMs: integer("keepalivetimeout"),
    connectionName: options.get("connectionname"),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

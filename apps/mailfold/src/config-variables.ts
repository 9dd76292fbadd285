import { hostname } from "node:os";
import ipaddr from "ipaddr.js";
import { z } from "zod";

/** One configuration variable: its environment name, how text becomes a value, and what is allowed, in words. */
export interface Variable {
  readonly name: string;
  /** Key in mailfold.toml. */
  readonly key: string;
  /** Command-line flag; secrets and URLs that may hold passwords have none. */
  readonly flag?: string;
  readonly fallback: () => string;
  readonly schema: z.ZodType;
  readonly allowed: string;
  readonly secret?: "whole" | "url-password";
  readonly meaning: string;
}

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((value) => value <= 65_535);
const portAllowed = "0 to 65535 (0 picks a free port)";
const zeroOrOne = z.enum(["0", "1"]).transform((value) => value === "1");

const httpUrl = z.string().refine((text) => {
  const { protocol, pathname, search, hash } = URL.parse(text) ?? {};
  return (protocol === "http:" || protocol === "https:") && pathname === "/" && search === "" && hash === "";
});
const hostPort = z.string().refine((text) => parseHostPort(text) !== undefined);

/** Splits `host:port`, `[v6]:port`; undefined when it is neither. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const number = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || number < 1 || number > 65_535 ? undefined : { host, port: number };
}

const cidrs = z.string().transform((text, context) => {
  const parts = text.split(",").map((part) => part.trim());
  const list = text === "" || text === "none" ? [] : parts;
  for (const part of list) {
    if (!ipaddr.isValidCIDR(part) && !ipaddr.isValid(part)) context.addIssue({ code: "custom", message: part });
  }
  return list.map((part) => (part.includes("/") ? part : `${part}/${part.includes(":") ? 128 : 32}`));
});

function portVariable(service: string, key: string, fallback: number, meaning: string): Variable {
  const flag = `--${key.replaceAll("_", "-")}`;
  return {
    name: `MAILFOLD_${service}_PORT`,
    key,
    flag,
    fallback: () => String(fallback),
    schema: port,
    allowed: portAllowed,
    meaning,
  };
}

/** Every variable of docs/reference/configuration.md, in the order shown. */
export const variables = [
  {
    name: "MAILFOLD_DATA_DIR",
    key: "data_dir",
    flag: "--data-dir",
    fallback: () => "./data",
    schema: z.string().min(1),
    allowed: "a directory path",
    meaning: "event log, bodies, views, keys; created with mode 0700",
  },
  {
    name: "MAILFOLD_HOST",
    key: "host",
    flag: "--host",
    fallback: () => "127.0.0.1",
    schema: z.string().refine((text) => ipaddr.isValid(text)),
    allowed: "an IPv4 or IPv6 address",
    meaning: "address every listener binds to",
  },
  {
    name: "MAILFOLD_HOSTNAME",
    key: "hostname",
    flag: "--hostname",
    fallback: () => hostname().toLowerCase() || "localhost",
    schema: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i),
    allowed: "a host name (letters, digits, dots, hyphens; at most 253 characters)",
    meaning: "name in greetings, Received fields and certificates",
  },
  portVariable("SMTP", "smtp_port", 2525, "MX"),
  portVariable("SUBMISSION", "submission_port", 5587, "submission with STARTTLS"),
  portVariable("SUBMISSIONS", "submissions_port", 4465, "submission with implicit TLS"),
  portVariable("IMAP", "imap_port", 1143, "IMAP with STARTTLS"),
  portVariable("IMAPS", "imaps_port", 1993, "IMAP with implicit TLS"),
  portVariable("HTTP", "http_port", 8080, "GraphQL, audit feed, health, metrics"),
  portVariable("HTTPS", "https_port", 8443, "the same over TLS"),
  {
    name: "MAILFOLD_TRUSTED_PROXIES",
    key: "trusted_proxies",
    flag: "--trusted-proxies",
    fallback: () => "none",
    schema: cidrs,
    allowed: "none, or CIDRs separated by commas",
    meaning: "whose PROXY protocol and X-Forwarded-* are believed",
  },
  {
    name: "MAILFOLD_ADMIN_TOKEN",
    key: "admin_token",
    fallback: () => "",
    schema: z.string().refine((text) => text === "" || text.length >= 32),
    allowed: "at least 32 characters",
    secret: "whole",
    meaning: "bootstrap platform token; generated into DATA/admin-token when unset",
  },
  {
    name: "MAILFOLD_DEMO",
    key: "demo",
    flag: "--demo",
    fallback: () => "1",
    schema: zeroOrOne,
    allowed: "0 or 1",
    meaning: "1 creates the demo tenant at first start",
  },
  {
    name: "MAILFOLD_EVENT_STORE",
    key: "event_store",
    fallback: () => "embedded",
    schema: z.string().regex(/^(embedded|(kurrentdb|esdb)(\+discover)?:\/\/\S+)$/),
    allowed: "embedded, or a kurrentdb:// or esdb:// connection string",
    secret: "url-password",
    meaning: "the log",
  },
  {
    name: "MAILFOLD_BLOB_STORE",
    key: "blob_store",
    fallback: () => "embedded",
    schema: z.string().regex(/^(embedded|file:\/\/\/\S+|s3:\/\/\S+)$/),
    allowed: "embedded, file:///directory or s3://bucket?endpoint=...",
    secret: "url-password",
    meaning: "message bodies",
  },
  {
    name: "MAILFOLD_DNS",
    key: "dns",
    flag: "--dns",
    fallback: () => "system",
    schema: z.union([z.literal("system"), hostPort]),
    allowed: "system, or ip:port of a resolver",
    meaning: "which resolver to ask",
  },
  {
    name: "MAILFOLD_SMARTHOST",
    key: "smarthost",
    flag: "--smarthost",
    fallback: () => "none",
    schema: z.union([z.literal("none"), hostPort]),
    allowed: "none, or host:port",
    meaning: "relay all outbound mail through it",
  },
  {
    name: "MAILFOLD_OUTBOUND_ALLOW_PRIVATE",
    key: "outbound_allow_private",
    flag: "--outbound-allow-private",
    fallback: () => "0",
    schema: zeroOrOne,
    allowed: "0 or 1",
    meaning: "1 lets outbound mail connect to loopback and private addresses (tests)",
  },
  {
    name: "MAILFOLD_RSPAMD",
    key: "rspamd",
    flag: "--rspamd",
    fallback: () => "none",
    schema: z.union([z.literal("none"), httpUrl]),
    allowed: "none, or http://host:port of its normal worker",
    meaning: "spam scanner that is asked about each message",
  },
  {
    name: "MAILFOLD_RSPAMD_CONTROLLER",
    key: "rspamd_controller",
    fallback: () => "none",
    schema: z.union([z.literal("none"), httpUrl]),
    allowed: "none, or http://:password@host:port of its controller",
    secret: "url-password",
    meaning: "where rspamd learns what users mark; none: it does not",
  },
  {
    name: "MAILFOLD_CLAMAV",
    key: "clamav",
    flag: "--clamav",
    fallback: () => "none",
    schema: z.string().transform((text, context) => {
      if (text === "none") return undefined;
      const address = text.startsWith("/") ? text : parseHostPort(text);
      if (address === undefined) context.addIssue({ code: "custom", message: text });
      return address;
    }),
    allowed: "none, host:port, or the path of its Unix socket",
    meaning: "virus scanner (clamd) that is asked about each message",
  },
  {
    name: "MAILFOLD_LOG_LEVEL",
    key: "log_level",
    flag: "--log-level",
    fallback: () => "info",
    schema: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    allowed: "trace, debug, info, warn, error, fatal or silent",
    meaning: "JSON lines on stderr",
  },
] as const satisfies readonly Variable[];

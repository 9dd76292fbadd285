import type { SettingValue } from "@mailfold/domain";
import type { TenantId } from "@mailfold/kernel";
import type { CompiledPolicy, Facts, MissingFacts, Need, ScopedRules } from "@mailfold/policy";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { type ContentServices, type ContentServicesInput, createContentServices } from "./content-services.ts";

export const tenantId = "ten_0000000000000000000000000a" as TenantId;

/** A policy of which only settings and rules are read. */
export function policyWith(
  settings: Readonly<Record<string, SettingValue>>,
  rules: readonly ScopedRules[] = [],
): CompiledPolicy {
  const values: Readonly<Record<string, SettingValue>> = {
    contentChecks: [],
    phraseList: [],
    urlDenyList: [],
    ...settings,
  };
  return {
    value: (_path: unknown, name: string) => values[name] ?? null,
    rules: () => rules,
  } as unknown as CompiledPolicy;
}

/** Services over nothing: no DNS, no scanners, no classifier, no settings, until a test gives them. */
export function contentServices(
  more: Partial<ContentServicesInput> & { readonly compiled?: CompiledPolicy } = {},
): ContentServices {
  const none = async () => ({ status: "none" }) as const;
  const compiled = more.compiled ?? policyWith({});
  return createContentServices({
    policy: { current: () => compiled, ready: () => true },
    hostname: "mx.test",
    resolver: { mx: none, addresses: none, txt: none, ptr: none },
    metrics: createMetrics(),
    log: createLogger("silent"),
    ...more,
  });
}

/** Facts of a message from a stranger to a mailbox of ours. */
export function contentFacts(more: Partial<Facts> = {}): Facts {
  return {
    at: 0,
    listener: "mx",
    ip: "192.0.2.10",
    tls: false,
    helo: "sender.test",
    sender: { address: "x@sender.test", form: "plain" },
    recipient: {
      address: "alice@a.test",
      form: "plain",
      acceptedBefore: 0,
      found: {
        kind: "local",
        domain: {
          domainId: "dom_1" as never,
          tenantId,
          resellerId: "rsl_1" as never,
          name: "a.test",
          verified: true,
          tenantInboundOff: false,
          tenantSubmissionOff: false,
        },
        targets: [],
      },
    },
    content: {
      sizeBytes: 1,
      bareLineEnd: false,
      from: [],
      replyTo: [],
      fromCount: 1,
      received: 0,
      deliveredTo: [],
      broken: false,
    },
    ...more,
  };
}

/** A question about content for the tenant of `contentFacts`. */
export function asking(needs: readonly Need[], more: Partial<MissingFacts> = {}): MissingFacts {
  return { needs, tenantId, path: { tenantId }, ...more };
}

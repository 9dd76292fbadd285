import { ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import { chainOf, resolveSetting, type ScopeChain, settingValue } from "./policy-state.ts";
import type { SettingName } from "./setting-definitions.ts";
import type { AddressForm, Phase, TraceLine } from "./types.ts";

/** Forms that no sender may have; the others are a foreign site's own business while its mail stays here. */
const refusedSenderForms: readonly AddressForm[] = ["malformed", "not-ascii", "source-route", "ip-literal"];

/** The line of a setting with its source; only made when it decides or a trace is wanted. */
export function settingLine(
  judging: Judging,
  chain: ScopeChain,
  name: SettingName,
  more: Pick<TraceLine, "step" | "outcome"> & { readonly detail?: string },
): TraceLine {
  const { setAtScope, byEvent, value } = resolveSetting(judging.state, chain, name);
  const detail = more.detail ?? (typeof value === "string" ? value : JSON.stringify(value));
  return { ...more, setting: name, setAtScope, ...(byEvent === undefined ? {} : { byEvent }), detail };
}

/** Login and TLS where the listener or the tenant asks for them; answered at once, as no tenant's list could change it. */
export function checkAccess(judging: Judging): Finding | undefined {
  const { facts } = judging;
  if (facts.listener === "submission" && facts.login === undefined) {
    const line: TraceLine = { step: "login", outcome: "refuse", detail: "submission without a login (RFC 6409 4.3)" };
    return { ...refuse(judging, "auth-required", "mail", line), immediate: true };
  }
  if (facts.login === undefined || facts.tls) return undefined;
  const chain = chainOf(facts.login);
  if (settingValue(judging.state, chain, "requireTls") !== true) return undefined;
  const line = settingLine(judging, chain, "requireTls", { step: "tls", outcome: "refuse" });
  return { ...refuse(judging, "tls-required", "mail", line), immediate: true };
}

/** How the sender is written. `relaying`: forms that another server could take for a route are refused too. */
export function checkSenderForm(judging: Judging, relaying: boolean): Finding | undefined {
  const form = judging.facts.sender?.form ?? "plain";
  if (form === "plain" || (!relaying && !refusedSenderForms.includes(form))) return undefined;
  return refuse(judging, "sender-form", "mail", { step: "sender", outcome: "refuse", detail: form });
}

/** Suspension of the login, and whether MAIL FROM is its to use. May ask for `senderOwner`. */
export function checkLoginSender(judging: Judging): Finding | undefined {
  const { facts, state } = judging;
  const { login, sender } = facts;
  if (!login || !sender) return undefined;
  if (login.submissionOff) {
    const line: TraceLine = {
      step: "login",
      outcome: "refuse",
      setAtScope: login.tenantId,
      detail: "submission is off",
    };
    return refuse(judging, "submission-suspended", "mail", line);
  }
  if (sender.address === "") return undefined;
  const chain = chainOf(login);
  if (settingValue(state, chain, "senderMustMatchLogin") !== false) {
    if (login.ownAddresses.includes(sender.address)) {
      note(judging, () => settingLine(judging, chain, "senderMustMatchLogin", { step: "sender", outcome: "pass" }));
      return undefined;
    }
    const line = settingLine(judging, chain, "senderMustMatchLogin", {
      step: "sender",
      outcome: "refuse",
      detail: `${sender.address} is not an address of the login`,
    });
    return refuse(judging, "sender-mismatch", "mail", line);
  }
  if (facts.senderOwner === undefined) {
    ask(judging, "senderOwner");
    return undefined;
  }
  return checkForeignTenant(judging);
}

/** Nobody sends as another tenant's verified domain, whatever its own tenant's settings allow. */
function checkForeignTenant(judging: Judging): Finding | undefined {
  const owner = judging.facts.senderOwner?.domain;
  if (!owner?.verified || owner.tenantId === judging.facts.login?.tenantId) return undefined;
  const line: TraceLine = { step: "sender-domain", outcome: "refuse", detail: owner.name };
  return refuse(judging, "sender-foreign-tenant", "mail", line);
}

/** A login's sender that is to relay must lie in a verified domain; asks for `senderOwner`. */
export function checkLoginRelay(judging: Judging): Finding | undefined {
  const { facts, state } = judging;
  const { login, sender } = facts;
  if (!login || !sender) return undefined;
  if (sender.address === "") {
    const line: TraceLine = { step: "relay", outcome: "refuse", detail: "the null sender relays only by an IP entry" };
    return refuse(judging, "relay-null-sender", "rcpt", line);
  }
  if (facts.senderOwner === undefined) {
    ask(judging, "senderOwner");
    return undefined;
  }
  const foreign = checkForeignTenant(judging);
  if (foreign) return foreign;
  const owner = facts.senderOwner?.domain;
  if (owner?.verified) return undefined;
  const own = owner?.tenantId === login.tenantId;
  // With the match switched off a stranger's domain may be used, but never a claim that only pretends to be one's own.
  if (!own && settingValue(state, chainOf(login), "senderMustMatchLogin") === false) return undefined;
  const line: TraceLine = {
    step: "sender-domain",
    outcome: "refuse",
    setAtScope: login.tenantId,
    detail: owner ? `${owner.name} is not verified` : `${sender.address} lies in no domain of the tenant`,
  };
  return refuse(judging, "sender-domain-unverified", "rcpt", line);
}

/** The null sender, where a scope of the chain refuses it. */
export function checkNullSender(judging: Judging, chain: ScopeChain): Finding | undefined {
  if (judging.facts.sender?.address !== "") return undefined;
  if (settingValue(judging.state, chain, "refuseNullSender") !== true) return undefined;
  const line = settingLine(judging, chain, "refuseNullSender", { step: "null-sender", outcome: "refuse" });
  return refuse(judging, "null-sender-refused", "mail", line);
}

/** A size, declared or real, against the chain's sizeLimitBytes. */
export function checkSize(
  judging: Judging,
  chain: ScopeChain,
  size: { readonly bytes: number | undefined; readonly phase: Phase },
): Finding | undefined {
  const limitBytes = settingValue(judging.state, chain, "sizeLimitBytes") as number;
  if (size.bytes === undefined || size.bytes <= limitBytes) return undefined;
  const detail = `${size.bytes} octets, limit ${limitBytes}`;
  const line = settingLine(judging, chain, "sizeLimitBytes", { step: "size", outcome: "refuse", detail });
  return refuse(judging, "size-exceeded", size.phase, line);
}

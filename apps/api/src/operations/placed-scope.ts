import type { Scope } from "@mailfold/domain";
import type { ScopePath } from "@mailfold/policy";
import { type Caller, mayReach } from "../caller.ts";
import type { VisibleDirectory } from "../visible-directory.ts";
import type { ScopeInput } from "./operation-inputs.ts";
import { invalidInput, notFound, OperationForbidden, type OperationOutcome } from "./operation-outcome.ts";
import type { PlacedScope } from "./policy-records.ts";

const members = ["platform", "resellerId", "tenantId", "domainId", "mailboxId"] as const;

/** The scope that an input names, with where it belongs and its ancestors; foreign and missing ones answer alike. */
export function placeScope(
  view: VisibleDirectory,
  caller: Caller,
  input: ScopeInput,
): (PlacedScope & { readonly path: ScopePath }) | OperationOutcome<never> {
  const named = members.filter((member) => input[member] !== null && input[member] !== undefined);
  const [member] = named;
  if (named.length !== 1 || member === undefined || input.platform === false) {
    return invalidInput(`scope has exactly one of ${members.join(", ")}.`, "scope");
  }
  if (member === "platform") {
    if (caller.scope.kind !== "platform") throw new OperationForbidden(["platform"]);
    return { scope: { kind: "platform" }, path: {} };
  }
  return placeObject(view, member, input[member] ?? "") ?? notFound("scope", member);
}

function placeObject(
  view: VisibleDirectory,
  member: Exclude<(typeof members)[number], "platform">,
  id: string,
): (PlacedScope & { readonly path: ScopePath }) | undefined {
  if (member === "resellerId") {
    const reseller = view.reseller(id);
    if (reseller === undefined) return undefined;
    const { resellerId } = reseller;
    return { scope: { kind: "reseller", id: resellerId }, resellerId, path: { resellerId } };
  }
  if (member === "tenantId") {
    const tenant = view.tenant(id);
    if (tenant === undefined) return undefined;
    const { tenantId, resellerId } = tenant;
    return { scope: { kind: "tenant", id: tenantId }, tenantId, resellerId, path: { tenantId, resellerId } };
  }
  if (member === "domainId") {
    const domain = view.domain(id);
    if (domain === undefined) return undefined;
    const { domainId, tenantId, resellerId } = domain;
    return { scope: { kind: "domain", id: domainId }, tenantId, resellerId, path: { domainId, tenantId, resellerId } };
  }
  const mailbox = view.mailbox(id);
  if (mailbox === undefined) return undefined;
  const { mailboxId, domainId, tenantId, resellerId } = mailbox;
  const path = { mailboxId, domainId, tenantId, resellerId };
  return { scope: { kind: "mailbox", id: mailboxId }, tenantId, resellerId, path };
}

/** Where a stored scope belongs, when the caller may reach it. */
export function placeStoredScope(view: VisibleDirectory, caller: Caller, scope: Scope) {
  if (scope.kind === "platform") return caller.scope.kind === "platform" ? { scope, path: {} } : undefined;
  const member = { reseller: "resellerId", tenant: "tenantId", domain: "domainId", mailbox: "mailboxId" } as const;
  return placeObject(view, member[scope.kind], scope.id);
}

/** Whether what is set at this scope, in force at the placed one, may name it: only within the caller's own subtree. */
export function mayNameScope(caller: Caller, setAtScope: string, placed: PlacedScope): boolean {
  if (caller.scope.kind === "platform" || setAtScope === "default") return true;
  if (setAtScope === "platform") return false;
  if (setAtScope === placed.resellerId) return mayReach(caller, { resellerId: placed.resellerId });
  return mayReach(caller, placed);
}

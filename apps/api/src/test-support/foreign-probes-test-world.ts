import { newId } from "@mailfold/ids";
import type { LearnedObjects } from "./learned-listings-test-world.ts";

type Ids = Omit<LearnedObjects, "secret">;

export const page = "nodes { id }";
const heldNodes = "nodes { id preview { text } } pageInfo { hasNextPage }";
const heldPayload =
  "results { entry { id } errors { code message path } } errors { code message path } receipt { position }";
export const payload = "errors { code message path details } receipt { position }";

const pardonFields = "id voided reason subject { value }";
const listingFields = `pattern listing { score subject { value } evidenceTotal evidenceElsewhere
  evidence { nodes { event reporter { id } verdict { reference } } } blocked { count verdicts { reference } } pardons { id } }`;

const diff = "truncated differences { part name before { value scope } after { value scope } }";
const now = () => `{time: "${new Date().toISOString()}"}`;

const shadowFields = "id changes state report { total samples { reference } }";
const rule = `{name: "r", all: [], actions: [{do: "discard"}]}`;
const ruleTest = (scope: string, reference: string) =>
  `{ ruleTest(input: {scope: {${scope}}, rule: ${rule}, messageReference: "${reference}"}) { test { matches } errors { code message path details } } }`;

const limit = "scope event locked min max allowed";
const lock = "limits: {sizeLimitBytes: {locked: true}}";
const setPolicy = (scope: string, change: string) =>
  `mutation { policyUpdate(input: {scope: {${scope}}, ${change}}) { ${payload} } }`;
const addEntry = (scope: string) =>
  `mutation { senderEntryAdd(input: {scope: {${scope}}, list: KILL, pattern: "192.0.2.1"}) { ${payload} } }`;

/** Every field of the API that takes something foreign, as a document over ids. `own` = the caller's own tenant. */
export const probes: Readonly<Record<string, (ids: Ids, own: Ids) => string>> = {
  "node reseller": ({ reseller }) => `{ node(id: "${reseller}") { id } }`,
  "node tenant": ({ tenant }) => `{ node(id: "${tenant}") { id } }`,
  "node domain": ({ domain }) => `{ node(id: "${domain}") { id } }`,
  "node mailbox": ({ mailbox }) => `{ node(id: "${mailbox}") { id } }`,
  "node alias": ({ alias }) => `{ node(id: "${alias}") { id } }`,
  "node token": ({ token }) => `{ node(id: "${token}") { id } }`,
  "node verdict": ({ verdict }) => `{ node(id: "${verdict}") { id } }`,
  "node sender entry": ({ entry }) => `{ node(id: "${entry}") { id } }`,
  "node hold": ({ hold }) => `{ node(id: "${hold}") { id } }`,
  "tenant id": ({ tenant }) => `{ tenant(by: {id: "${tenant}"}) { id name } }`,
  "tenant externalId": ({ reseller, externalId }) =>
    `{ tenant(by: {externalId: "${externalId}", resellerId: "${reseller}"}) { id name } }`,
  "tenants resellerId": ({ reseller }) => `{ tenants(resellerId: "${reseller}") { ${page} } }`,
  "domain id": ({ domain }) => `{ domain(by: {id: "${domain}"}) { id name } }`,
  "domain name": ({ domainName }) => `{ domain(by: {name: "${domainName}"}) { id name } }`,
  "mailbox id": ({ mailbox }) => `{ mailbox(by: {id: "${mailbox}"}) { id address } }`,
  "mailbox address": ({ address }) => `{ mailbox(by: {address: "${address}"}) { id address } }`,
  "mailboxes tenantId": ({ tenant }) => `{ mailboxes(tenantId: "${tenant}") { ${page} } }`,
  "mailboxes domainId": ({ domain }) => `{ mailboxes(domainId: "${domain}") { ${page} } }`,
  "mailboxes both": ({ domain }, own) => `{ mailboxes(domainId: "${domain}", tenantId: "${own.tenant}") { ${page} } }`,
  "effectivePolicy tenant": ({ tenant }) =>
    `{ effectivePolicy(scope: {tenantId: "${tenant}"}) { settings { name value } } }`,
  "effectivePolicy domain": ({ domain }) =>
    `{ effectivePolicy(scope: {domainId: "${domain}"}) { settings { name value } } }`,
  "effectivePolicy mailbox": ({ mailbox }) =>
    `{ effectivePolicy(scope: {mailboxId: "${mailbox}"}) { settings { name } } }`,
  "effectivePolicy reseller": ({ reseller }) =>
    `{ effectivePolicy(scope: {resellerId: "${reseller}"}) { settings { name } } }`,
  "effectivePolicy limits": ({ mailbox }) =>
    `{ effectivePolicy(scope: {mailboxId: "${mailbox}"}) { settings { limit { ${limit} } limitBelow { ${limit} } } } }`,
  "senderList reseller": ({ reseller }) => `{ senderList(scope: {resellerId: "${reseller}"}) { ${page} } }`,
  "senderList tenant": ({ tenant }) => `{ senderList(scope: {tenantId: "${tenant}"}) { ${page} } }`,
  "senderList domain": ({ domain }) => `{ senderList(scope: {domainId: "${domain}"}) { ${page} } }`,
  "senderList learned": ({ tenant }) =>
    `{ senderList(scope: {tenantId: "${tenant}"}, list: LEARNED, where: {includeEnded: true}) { ${page} } }`,
  "senderList learned mailbox": ({ mailbox }) =>
    `{ senderList(scope: {mailboxId: "${mailbox}"}, list: LEARNED) { ${page} } }`,
  "senderList learned reseller": ({ reseller }) =>
    `{ senderList(scope: {resellerId: "${reseller}"}, list: LEARNED) { ${page} } }`,
  "node listing": ({ listing }) => `{ node(id: "${listing}") { ... on SenderEntry { ${listingFields} } } }`,
  "node pardon": ({ pardon }) => `{ node(id: "${pardon}") { ... on SenderPardon { ${pardonFields} } } }`,
  "senderList mailbox": ({ mailbox }) => `{ senderList(scope: {mailboxId: "${mailbox}"}) { ${page} } }`,
  "verdicts tenant": ({ tenant }) => `{ verdicts(where: {tenantId: "${tenant}"}) { ${page} } }`,
  "verdicts recipient": ({ address }) => `{ verdicts(where: {recipient: "${address}"}) { ${page} } }`,
  "messageTrace reference": ({ verdict }) =>
    `{ messageTrace(where: {reference: "${verdict}"}) { nodes { transactionId } } }`,
  "messageTrace tenant": ({ tenant }) => `{ messageTrace(where: {tenantId: "${tenant}"}) { nodes { transactionId } } }`,
  explain: ({ verdict }) =>
    `{ explain(reference: "${verdict}") { facts counterfactual listingId verdict { reason trace { step } } } }`,
  "quarantine tenant": ({ tenant }) => `{ quarantine(scope: {tenantId: "${tenant}"}) { ${heldNodes} } }`,
  "quarantine domain": ({ domain }) => `{ quarantine(scope: {domainId: "${domain}"}) { ${heldNodes} } }`,
  "quarantine mailbox": ({ mailbox }) => `{ quarantine(scope: {mailboxId: "${mailbox}"}) { ${heldNodes} } }`,
  "quarantine reseller": ({ reseller }) => `{ quarantine(scope: {resellerId: "${reseller}"}) { ${heldNodes} } }`,
  "quarantine recipient": ({ address }, own) =>
    `{ quarantine(scope: {tenantId: "${own.tenant}"}, where: {recipient: "${address}"}) { ${heldNodes} } }`,
  "auditEvents held": ({ tenant }) =>
    `{ auditEvents(where: {tenant: "${tenant}", types: ["MessageHeld"]}) { ${page} } }`,
  "auditEvents tenant": ({ tenant }) =>
    `{ auditEvents(where: {tenant: "${tenant}"}) { ${page} pageInfo { hasNextPage } } }`,
  "auditEvents verdicts": ({ tenant }) =>
    `{ auditEvents(where: {tenant: "${tenant}", types: ["VerdictRecorded"]}) { ${page} } }`,
  "tokens tenant": ({ tenant }) => `{ tokens(scope: {tenantId: "${tenant}"}) { ${page} } }`,
  "tokens reseller": ({ reseller }) => `{ tokens(scope: {resellerId: "${reseller}"}) { ${page} } }`,
  "tenant asOf": ({ tenant }) => `{ tenant(by: {id: "${tenant}"}, asOf: ${now()}) { id name mailboxes { ${page} } } }`,
  "domain asOf": ({ domainName }) => `{ domain(by: {name: "${domainName}"}, asOf: ${now()}) { id tenant { id } } }`,
  "mailbox asOf": ({ address }) => `{ mailbox(by: {address: "${address}"}, asOf: ${now()}) { id } }`,
  "mailboxes asOf": ({ tenant }) => `{ mailboxes(tenantId: "${tenant}", asOf: ${now()}) { ${page} } }`,
  "tenants asOf": ({ reseller }) => `{ tenants(resellerId: "${reseller}", asOf: ${now()}) { ${page} } }`,
  "tokens asOf": ({ tenant }) => `{ tokens(scope: {tenantId: "${tenant}"}, asOf: ${now()}) { ${page} } }`,
  "effectivePolicy asOf": ({ tenant }) =>
    `{ effectivePolicy(scope: {tenantId: "${tenant}"}, asOf: ${now()}) { settings { name value } } }`,
  "senderList asOf": ({ tenant }) =>
    `{ senderList(scope: {tenantId: "${tenant}"}, list: KILL, asOf: ${now()}) { ${page} } }`,
  "policyDiff tenant": ({ tenant }) => `{ policyDiff(scope: {tenantId: "${tenant}"}, from: ${now()}) { ${diff} } }`,
  "policyDiff mailbox": ({ mailbox }) => `{ policyDiff(scope: {mailboxId: "${mailbox}"}, from: ${now()}) { ${diff} } }`,
  "undo event": ({ change }) =>
    `mutation { undo(input: {event: "${change}"}) { undone { differences { name } } ${payload} } }`,
  "undo token": ({ change }) =>
    `mutation { undo(input: {undoToken: "undo_${change}"}) { undone { differences { name } } ${payload} } }`,
  tenantCreate: ({ reseller }) =>
    `mutation { tenantCreate(input: {resellerId: "${reseller}", name: "x"}) { ${payload} } }`,
  tenantSuspend: ({ tenant }) =>
    `mutation { tenantSuspend(input: {tenantId: "${tenant}", reason: ADMIN}) { ${payload} } }`,
  tenantResume: ({ tenant }) => `mutation { tenantResume(input: {tenantId: "${tenant}"}) { ${payload} } }`,
  domainAdd: ({ tenant }) =>
    `mutation { domainAdd(input: {tenantId: "${tenant}", name: "new.example"}) { ${payload} } }`,
  domainVerify: ({ domain }) => `mutation { domainVerify(input: {domainId: "${domain}"}) { ${payload} } }`,
  domainRemove: ({ domain }) => `mutation { domainRemove(input: {domainId: "${domain}"}) { ${payload} } }`,
  mailboxCreate: ({ tenant, domainName }) =>
    `mutation { mailboxCreate(input: {tenantId: "${tenant}", address: "new@${domainName}", password: "correct horse"}) { ${payload} } }`,
  "mailboxCreate in a foreign domain": ({ domainName }, own) =>
    `mutation { mailboxCreate(input: {tenantId: "${own.tenant}", address: "new@${domainName}", password: "correct horse"}) { ${payload} } }`,
  mailboxUpdate: ({ mailbox }) =>
    `mutation { mailboxUpdate(input: {mailboxId: "${mailbox}", quotaBytes: 9}) { ${payload} } }`,
  mailboxSetPassword: ({ mailbox }) =>
    `mutation { mailboxSetPassword(input: {mailboxId: "${mailbox}", password: "correct horse"}) { ${payload} } }`,
  mailboxSuspend: ({ mailbox }) => `mutation { mailboxSuspend(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxResume: ({ mailbox }) => `mutation { mailboxResume(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxDelete: ({ mailbox }) => `mutation { mailboxDelete(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxRestore: ({ mailbox }) => `mutation { mailboxRestore(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  aliasAdd: ({ tenant, domainName, mailbox }) =>
    `mutation { aliasAdd(input: {tenantId: "${tenant}", address: "n@${domainName}", targets: ["${mailbox}"]}) { ${payload} } }`,
  "aliasAdd foreign target": ({ mailbox }, own) =>
    `mutation { aliasAdd(input: {tenantId: "${own.tenant}", address: "n@${own.domainName}", targets: ["${mailbox}"]}) { ${payload} } }`,
  aliasRemove: ({ alias }) => `mutation { aliasRemove(input: {aliasId: "${alias}", commandId: "c"}) { ${payload} } }`,
  "policyUpdate reseller": ({ reseller }) => setPolicy(`resellerId: "${reseller}"`, "set: {sizeLimitBytes: 70000}"),
  "policyUpdate tenant": ({ tenant }) => setPolicy(`tenantId: "${tenant}"`, "set: {sizeLimitBytes: 70000}"),
  "policyUpdate domain": ({ domain }) => setPolicy(`domainId: "${domain}"`, "set: {sizeLimitBytes: 70000}"),
  "policyUpdate mailbox": ({ mailbox }) => setPolicy(`mailboxId: "${mailbox}"`, "set: {sizeLimitBytes: 70000}"),
  "policyUpdate unset": ({ mailbox }) => setPolicy(`mailboxId: "${mailbox}"`, `unset: ["sizeLimitBytes"]`),
  "policyUpdate limits reseller": ({ reseller }) => setPolicy(`resellerId: "${reseller}"`, lock),
  "policyUpdate limits tenant": ({ tenant }) => setPolicy(`tenantId: "${tenant}"`, lock),
  "policyUpdate limits domain": ({ domain }) => setPolicy(`domainId: "${domain}"`, lock),
  "policyUpdate limits mailbox": ({ mailbox }) => setPolicy(`mailboxId: "${mailbox}"`, lock),
  "policyUpdate unsetLimits": ({ tenant }) => setPolicy(`tenantId: "${tenant}"`, `unsetLimits: ["spf"]`),
  "policyUpdate wrong limits": ({ tenant }) => setPolicy(`tenantId: "${tenant}"`, "limits: {nope: 1}"),
  "policyUpdate wrong rules": ({ tenant }) => setPolicy(`tenantId: "${tenant}"`, "set: {rules: 1}"),
  ruleSave: ({ tenant }) =>
    `mutation { ruleSave(input: {scope: {tenantId: "${tenant}"}, rule: ${rule}}) { rule { name } ${payload} } }`,
  ruleDelete: ({ mailbox }) =>
    `mutation { ruleDelete(input: {scope: {mailboxId: "${mailbox}"}, name: "r"}) { ${payload} } }`,
  "rules tenant": ({ tenant }) => `{ rules(scope: {tenantId: "${tenant}"}) { name } }`,
  "rules mailbox": ({ mailbox }) => `{ rules(scope: {mailboxId: "${mailbox}"}, inherited: true) { name } }`,
  "ruleTest scope": ({ domain }, own) => ruleTest(`domainId: "${domain}"`, own.hold),
  "ruleTest hold": ({ hold }, own) => ruleTest(`tenantId: "${own.tenant}"`, hold),
  "ruleTest verdict": ({ verdict }, own) => ruleTest(`tenantId: "${own.tenant}"`, verdict),
  "senderEntryAdd reseller": ({ reseller }) => addEntry(`resellerId: "${reseller}"`),
  "senderEntryAdd tenant": ({ tenant }) => addEntry(`tenantId: "${tenant}"`),
  "senderEntryAdd domain": ({ domain }) => addEntry(`domainId: "${domain}"`),
  "senderEntryAdd mailbox": ({ mailbox }) => addEntry(`mailboxId: "${mailbox}"`),
  senderEntryRemove: ({ entry }) =>
    `mutation { senderEntryRemove(input: {entryId: "${entry}", commandId: "c"}) { ${payload} } }`,
  "senderPardon listing": ({ listing }) =>
    `mutation { senderPardon(input: {listingId: "${listing}", redeliver: true}) { pardon { ${pardonFields} } ${payload} } }`,
  "senderPardon scope": ({ tenant }) =>
    `mutation { senderPardon(input: {scope: {tenantId: "${tenant}"}, subject: "@x.example"}) { pardon { id } ${payload} } }`,
  // The refusal names the id that was asked for: both answers are compared without it.
  "senderPardon evidence": ({ evidence }, own) =>
    `mutation { senderPardon(input: {scope: {tenantId: "${own.tenant}"}, subject: "@x.example", voidEvidence: ["${evidence}"]}) { pardon { id } errors { code path } } }`,
  senderPardonLift: ({ pardon }) =>
    `mutation { senderPardonLift(input: {pardonId: "${pardon}", commandId: "c"}) { pardon { ${pardonFields} } ${payload} } }`,
  "policySimulate tenant": ({ tenant }) =>
    `{ policySimulate(input: {scope: {tenantId: "${tenant}"}, changes: [{unset: ["spf"]}]}) { verdicts samples { reference } } }`,
  "policySimulate mailbox": ({ mailbox }) =>
    `{ policySimulate(input: {scope: {mailboxId: "${mailbox}"}, changes: [{set: {quarantineDays: 9}}]}) { verdicts } }`,
  "node shadow": ({ shadow }) => `{ node(id: "${shadow}") { ... on Shadow { ${shadowFields} } } }`,
  shadow: ({ shadow }) => `{ shadow(id: "${shadow}") { ${shadowFields} } }`,
  "shadows tenant": ({ tenant }) => `{ shadows(scope: {tenantId: "${tenant}"}) { ${shadowFields} } }`,
  "shadows mailbox": ({ mailbox }) => `{ shadows(scope: {mailboxId: "${mailbox}"}) { id } }`,
  "shadowStart tenant": ({ tenant }) =>
    `mutation { shadowStart(input: {scope: {tenantId: "${tenant}"}, changes: [{unset: ["spf"]}]}) { ${payload} } }`,
  "shadowStart domain": ({ domain }) =>
    `mutation { shadowStart(input: {scope: {domainId: "${domain}"}, changes: [{set: {quarantineDays: 9}}]}) { ${payload} } }`,
  shadowPromote: ({ shadow }) => `mutation { shadowPromote(input: {shadowId: "${shadow}"}) { ${payload} } }`,
  shadowDrop: ({ shadow }) => `mutation { shadowDrop(input: {shadowId: "${shadow}", commandId: "c"}) { ${payload} } }`,
  messageMark: ({ verdict }) =>
    `mutation { messageMark(input: {reference: "${verdict}", mark: SPAM}) { messageMark { mailboxIds } ${payload} } }`,
  "messageMark mailbox": ({ mailbox }, own) =>
    `mutation { messageMark(input: {reference: "${own.verdict}", mailboxId: "${mailbox}", mark: SPAM}) { ${payload} } }`,
  // The results name the ids that were asked for: both answers are compared without them.
  quarantineRelease: ({ hold }) =>
    `mutation { quarantineRelease(input: {ids: ["${hold}"], acceptSender: true}) { ${heldPayload} } }`,
  "quarantineRelease acceptScope": ({ tenant }, own) =>
    `mutation { quarantineRelease(input: {ids: ["${own.hold}"], acceptSender: true, acceptScope: {tenantId: "${tenant}"}}) { ${heldPayload} } }`,
  quarantineDelete: ({ hold }) => `mutation { quarantineDelete(input: {ids: ["${hold}"]}) { ${heldPayload} } }`,
  "tokenCreate tenant": ({ tenant }) =>
    `mutation { tokenCreate(input: {name: "x", scope: {tenantId: "${tenant}"}}) { secret ${payload} } }`,
  "tokenCreate reseller": ({ reseller }) =>
    `mutation { tokenCreate(input: {name: "x", scope: {resellerId: "${reseller}"}}) { secret ${payload} } }`,
  "tokenCreate rotates": ({ token }, own) =>
    `mutation { tokenCreate(input: {name: "x", scope: {tenantId: "${own.tenant}"}, rotates: "${token}"}) { secret ${payload} } }`,
  tokenRevoke: ({ token }) => `mutation { tokenRevoke(input: {tokenId: "${token}"}) { ${payload} } }`,
};

/** Names of the same kinds that nobody has. */
export function missing(): Ids {
  const name = `missing-${Math.random().toString(36).slice(2, 8)}.example`;
  return {
    reseller: newId("reseller"),
    tenant: newId("tenant"),
    domain: newId("domain"),
    domainName: name,
    mailbox: newId("mailbox"),
    address: `user@${name}`,
    alias: newId("alias"),
    token: newId("token"),
    entry: newId("senderEntry"),
    verdict: newId("verdict"),
    hold: newId("hold"),
    externalId: "ext-missing",
    listing: newId("listing"),
    evidence: newId("event"),
    pardon: newId("pardon"),
    change: newId("event"),
    shadow: newId("shadow"),
  };
}

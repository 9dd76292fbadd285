import { addressClaim, mailbox } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { RecordedEvent, Sealed } from "@mailfold/kernel";
import { passwordProblem } from "@mailfold/passwords";
import { loadClaim, placeAddress, takeAddressFacts } from "./address-facts.ts";
import { defaultFolders, mailStreamBegun } from "./default-folders.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

const quotaBytesDefault = 5 * 1_073_741_824;
/** Stands for a verifier where nothing will be written. */
const noVerifier: Sealed = { keyId: "dry-run", nonce: "", ciphertext: "" };

/** Hashes a password once and seals the verifier under the tenant's key; with dryRun it costs nothing. */
export function verifierMaker(kit: OperationKit, tenantId: string, input: { password: string; dryRun: boolean }) {
  let made: Promise<Sealed> | undefined;
  return (): Promise<Sealed> => {
    if (input.dryRun) return Promise.resolve(noVerifier);
    made ??= kit.deps.passwords.hash(input.password).then((phc) => kit.deps.sealer.seal(tenantId, phc));
    return made;
  };
}

/** Whether a retry's password is the one that the first call stored. */
export function samePassword(kit: OperationKit, password: string) {
  return async (events: readonly RecordedEvent[]): Promise<boolean> => {
    const stored = events.map((event) => (event.data as { readonly verifier?: Sealed }).verifier).find(Boolean);
    const phc = stored === undefined ? undefined : kit.deps.sealer.open(stored);
    return phc !== undefined && (await kit.deps.passwords.verify(phc, password));
  };
}

/**
 * The address is claimed first, the mailbox comes last: where the log cannot write several streams at once, a crash in
 * between leaves a claim that a retry completes, or that lapses after 60 s.
 */
export function createMailboxCreate(kit: OperationKit): Operations["mailboxCreate"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "mailboxCreate",
      input,
      secretFields: ["password"],
      prepare(identity) {
        const placed = placeAddress(kit, caller, input);
        if ("errors" in placed) return placed;
        const problem = passwordProblem(input.password);
        if (problem !== undefined) return invalidInput(problem, "password");
        const { address, domain, stream } = placed;
        const { tenantId, resellerId, domainId } = domain;
        const mailboxId = identity.objectId("mailbox");
        const own = { mailboxId, tenantId, domainId, address };
        const verifier = verifierMaker(kit, tenantId, { password: input.password, dryRun: input.dryRun ?? false });
        return {
          belonging: { tenantId, resellerId },
          streams: [stream, streams.mail(mailboxId), streams.mailbox(mailboxId)],
          sameSecret: samePassword(kit, input.password),
          async plan(load) {
            const claim = await loadClaim(load, stream);
            const facts = await takeAddressFacts(load, claim, kit.deps.clock.now());
            const claimed = decideOn(addressClaim, claim, { type: "ClaimAddress", ...own, facts });
            if ("refused" in claimed) return claimed;
            const mail = await load(mailStreamBegun, streams.mail(mailboxId));
            const folders = mail.state ? [] : defaultFolders(kit.deps.idSecret, mailboxId);
            const created = decideOn(mailbox, await load(mailbox, streams.mailbox(mailboxId)), {
              type: "CreateMailbox",
              ...own,
              quotaBytes: input.quotaBytes ?? quotaBytesDefault,
              verifier: await verifier(),
              ...optional("displayName", input.displayName),
            });
            return planOf(
              claimed,
              { write: { stream: mail.stream, expected: mail.expected, events: folders } },
              created,
            );
          },
          value: () => kit.deps.directory.mailbox(mailboxId),
        };
      },
    });
}

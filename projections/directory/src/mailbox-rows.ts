import type { AddressEvent, MailboxEvent } from "@mailfold/domain";
import type { RowChange, RowHandlers } from "@mailfold/kernel";
import { orNull } from "./or-null.ts";
import { recordHistory } from "./tables.ts";

/** Rows of mailboxes, and of who stands at an address. */
export const mailboxHandlers: RowHandlers<MailboxEvent | AddressEvent> = {
  MailboxCreated: (event) => {
    const { mailboxId, tenantId, domainId, address, displayName, quotaBytes, verifier } = event.data;
    const row = { mailboxId, tenantId, resellerId: orNull(event.metadata.resellerId), domainId };
    return [
      {
        put: "mailboxes",
        row: {
          ...row,
          address: orNull(address),
          displayName: orNull(displayName),
          quotaBytes,
          verifier: JSON.stringify(verifier),
          suspended: 0,
          deleted: 0,
          createdAt: event.occurredAt,
          createdPosition: event.position,
          fromPosition: event.position,
        },
      },
      ...recordHistory(event, mailboxId, {
        address: { address, tenantId, domainId },
        displayName,
        quotaBytes,
        suspended: false,
        deleted: false,
      }),
    ];
  },
  MailboxUpdated: (event) => {
    const { mailboxId, ...changed } = event.data;
    const set = {
      ...(changed.displayName === undefined ? {} : { displayName: changed.displayName }),
      ...(changed.quotaBytes === undefined ? {} : { quotaBytes: changed.quotaBytes }),
    };
    return [
      { patch: "mailboxes", where: { mailboxId }, set: { ...set, fromPosition: event.position } },
      ...recordHistory(event, mailboxId, set),
    ];
  },
  MailboxPasswordSet: (event) => {
    const { mailboxId, verifier } = event.data;
    const set = { verifier: JSON.stringify(verifier), fromPosition: event.position };
    return [{ patch: "mailboxes", where: { mailboxId }, set }];
  },
  MailboxSuspended: (event) => {
    const { mailboxId, reason } = event.data;
    const set = { suspended: 1, suspensionReason: orNull(reason), fromPosition: event.position };
    return [{ patch: "mailboxes", where: { mailboxId }, set }, ...recordHistory(event, mailboxId, { suspended: true })];
  },
  MailboxResumed: (event) => {
    const { mailboxId } = event.data;
    const set = { suspended: 0, suspensionReason: null, fromPosition: event.position };
    return [
      { patch: "mailboxes", where: { mailboxId }, set },
      ...recordHistory(event, mailboxId, { suspended: false }),
    ];
  },
  MailboxDeleted: (event) => {
    const { mailboxId } = event.data;
    return [
      { patch: "mailboxes", where: { mailboxId }, set: { deleted: 1, fromPosition: event.position } },
      ...recordHistory(event, mailboxId, { deleted: true }),
    ];
  },
  MailboxRestored: (event) => {
    const { mailboxId, address } = event.data;
    const set = { deleted: 0, address: orNull(address), fromPosition: event.position };
    return [{ patch: "mailboxes", where: { mailboxId }, set }, ...recordHistory(event, mailboxId, { deleted: false })];
  },
  AddressClaimed: (event) => {
    const { address, tenantId, domainId, mailboxId } = event.data;
    const holder = { kind: "mailbox", holderId: mailboxId, tenantId, domainId };
    return orNull(address) === null
      ? []
      : [
          {
            put: "addresses",
            row: { address, ...holder, claimedAt: event.occurredAt, fromPosition: event.position },
          },
        ];
  },
  AddressReleased: (event) => [{ delete: "addresses", where: { holderId: event.data.mailboxId } }],
  AliasAdded: (event) => {
    const { aliasId, address, tenantId, domainId, targets } = event.data;
    const fromPosition = event.position;
    const alias = { aliasId, address: orNull(address), tenantId, domainId, targets: JSON.stringify(targets) };
    const holder = { kind: "alias", holderId: aliasId, tenantId, domainId, claimedAt: event.occurredAt };
    const standing = { removed: 0, createdPosition: fromPosition, endedPosition: null };
    const changes: RowChange[] = [{ put: "aliases", row: { ...alias, ...standing, fromPosition } }];
    if (orNull(address) !== null) changes.push({ put: "addresses", row: { address, ...holder, fromPosition } });
    for (const mailboxId of new Set(targets))
      changes.push({ put: "alias_targets", row: { mailboxId, aliasId, address: orNull(address) } });
    return [...changes, ...recordHistory(event, aliasId, { alias: { address, tenantId, domainId, targets } })];
  },
  AliasRemoved: (event) => {
    const { aliasId } = event.data;
    return [
      {
        patch: "aliases",
        where: { aliasId },
        set: { removed: 1, endedPosition: event.position, fromPosition: event.position },
      },
      { delete: "alias_targets", where: { aliasId } },
      { delete: "addresses", where: { holderId: aliasId } },
      ...recordHistory(event, aliasId, { alias: null }),
    ];
  },
};

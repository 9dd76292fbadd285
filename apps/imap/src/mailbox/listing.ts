import { isBelow, type MailboxState, superiorNames } from "@mailfold/projection-folders";
import type { ListPattern } from "./list-pattern.ts";

/** One line of a LIST or LSUB reply. */
export interface ListedName {
  readonly name: string;
  readonly attributes: readonly string[];
}

/** Names for LIST: folders, and levels above them that are no folders (RFC 3501 section 7.2.2 \Noselect). */
export function listFolders(state: MailboxState): ListedName[] {
  const names = new Map<string, string[]>();
  const parents = new Set<string>();
  for (const folder of state.folders.values()) {
    for (const superior of superiorNames(folder.name)) parents.add(superior);
    names.set(folder.name, folder.specialUse === undefined ? [] : [`\\${capital(folder.specialUse)}`]);
  }
  for (const parent of parents) if (!names.has(parent)) names.set(parent, ["\\Noselect"]);
  const listed = [...names].map(([name, attributes]) => ({
    name,
    attributes: [...attributes, parents.has(name) ? "\\HasChildren" : "\\HasNoChildren"],
  }));
  return listed.sort(inOrder);
}

/**
 * Names for LSUB (RFC 3501 section 6.3.9): subscribed names, there or not; a level above one, itself not subscribed,
 * is \Noselect, and shown only when the pattern's `%` stops at it.
 */
export function listSubscriptions(state: MailboxState, pattern: ListPattern): ListedName[] {
  const listed = new Map<string, ListedName>();
  for (const name of state.subscriptions) {
    const attributes = state.folderByName(name) === undefined ? ["\\Noselect"] : [];
    if (pattern.matches(name)) {
      listed.set(name, { name, attributes });
      continue;
    }
    for (const superior of pattern.superiorsOf(name)) {
      if (!listed.has(superior) && !state.subscriptions.has(superior)) {
        listed.set(superior, { name: superior, attributes: ["\\Noselect"] });
      }
    }
  }
  return [...listed.values()].sort(inOrder);
}

/** INBOX first, then by name, children behind their parent. */
function inOrder(a: ListedName, b: ListedName): number {
  const inbox = Number(isInboxTree(b.name)) - Number(isInboxTree(a.name));
  if (inbox !== 0) return inbox;
  return a.name < b.name ? -1 : 1;
}

/** Whether a name is INBOX or below it. */
export function isInboxTree(name: string): boolean {
  return name === "INBOX" || isBelow(name, "INBOX");
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

import { append } from "./append.ts";
import { authenticate } from "./authenticate.ts";
import { capability } from "./capability.ts";
import { check } from "./check.ts";
import { close } from "./close.ts";
import type { Command } from "./command.ts";
import { copy } from "./copy.ts";
import { create } from "./create.ts";
import { deleteFolder } from "./delete.ts";
import { expunge } from "./expunge.ts";
import { fetch } from "./fetch.ts";
import { id } from "./id.ts";
import { idle } from "./idle.ts";
import { list } from "./list.ts";
import { login } from "./login.ts";
import { logout } from "./logout.ts";
import { lsub } from "./lsub.ts";
import { move } from "./move.ts";
import { namespace } from "./namespace.ts";
import { noop } from "./noop.ts";
import { rename } from "./rename.ts";
import { search } from "./search.ts";
import { examine, select } from "./select.ts";
import { startTls } from "./starttls.ts";
import { status } from "./status.ts";
import { store } from "./store.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";
import { unselect } from "./unselect.ts";

const commands: readonly Command[] = [
  append,
  authenticate,
  capability,
  check,
  close,
  copy,
  create,
  deleteFolder,
  examine,
  expunge,
  fetch,
  id,
  idle,
  list,
  login,
  logout,
  lsub,
  move,
  namespace,
  noop,
  rename,
  search,
  select,
  startTls,
  status,
  store,
  subscribe,
  unselect,
  unsubscribe,
];
const byName = new Map(commands.flatMap((command) => command.names.map((name) => [name, command] as const)));

/** The command of a verb, upper case. */
export function commandNamed(name: string): Command | undefined {
  return byName.get(name);
}

import { type Completion, ok } from "./command.ts";

/** For commands that did what was asked and have nothing to add. */
export function completed(verb: string): Completion {
  return ok(`${verb} completed`);
}

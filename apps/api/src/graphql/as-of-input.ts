import type { Position } from "@mailfold/kernel";
import type { Directory } from "@mailfold/projection-directory";
import { type AsOf, readAsOf } from "../history/as-of.ts";
import { pastDirectory } from "../history/past-directory.ts";
import { createVisibleDirectory, type VisibleDirectory } from "../visible-directory.ts";
import type { ApiContext } from "./api-context.ts";
import { builder } from "./builder.ts";
import { waitForPosition } from "./wait-for.ts";

/** A moment of the past. */
export const asOfInput = builder.inputType("AsOfInput", {
  description: "A moment of the past. Exactly one member.",
  fields: (t) => ({
    position: t.string({ description: "A receipt's or an event's: the state that it left." }),
    time: t.field({ type: "DateTime", description: "The state after the last administrative event up to then." }),
  }),
});

/** What a query reads: today's directory, or that of a moment. */
export interface ReadMoment {
  /** Undefined = now. */
  readonly position: Position | undefined;
  readonly directory: Directory;
  readonly view: VisibleDirectory;
}

/** What a query reads at a position, as this request's caller may see it. */
export function momentAt(context: ApiContext, position: Position | undefined): ReadMoment {
  const { deps } = context.api;
  const directory = position === undefined ? deps.directory : pastDirectory(deps, position);
  return { position, directory, view: createVisibleDirectory(directory, context.caller) };
}

/** Waits for `waitFor`, then finds what `asOf` names. */
export async function readMoment(
  context: ApiContext,
  args: { readonly asOf?: AsOf | null | undefined; readonly waitFor?: string | null | undefined },
): Promise<ReadMoment> {
  await waitForPosition(context, args.waitFor);
  return momentAt(context, await readAsOf(context, args.asOf));
}

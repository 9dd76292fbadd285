/** What the next appends suffer. `lostAnswer` = written, then never answered. */
export type AppendFault =
  | "lostAnswer"
  | "unavailableAfterWrite"
  | "unavailableBeforeWrite"
  | "stallBeforeWrite"
  | "notReady"
  | "timeoutAfterWrite";

/** Fault switches of the double; each queued fault strikes once. */
export class DoubleFaults {
  readonly #appends: { readonly fault: AppendFault; readonly stream: string }[] = [];
  /** Reads and subscriptions neither answer nor end while true. */
  readsStall = false;
  /** Appends answered (or swallowed) since start, faults included. */
  appendCalls = 0;

  /** The next append whose stream starts with `stream` suffers this. */
  failAppend(fault: AppendFault, stream = ""): void {
    this.#appends.push({ fault, stream });
  }

  takeAppendFault(stream: string): AppendFault | undefined {
    this.appendCalls += 1;
    const index = this.#appends.findIndex((entry) => stream.startsWith(entry.stream));
    return index < 0 ? undefined : this.#appends.splice(index, 1)[0]?.fault;
  }
}

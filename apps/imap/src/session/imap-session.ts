import { EventStoreFault } from "@mailfold/event-store";
import { MimeBudgetExceeded } from "@mailfold/mime";
import type { Folder } from "@mailfold/projection-folders";
import type { Account } from "@mailfold/sasl";
import { bad, type Command, type Completion, no, type Request } from "../commands/command.ts";
import { commandNamed } from "../commands/registry.ts";
import type { ImapDeps, ImapLimits } from "../deps.ts";
import { MailAccess } from "../mailbox/mail-access.ts";
import type { SelectedFolder } from "../mailbox/selected-folder.ts";
import { BadSyntax, type CommandParser, Refused } from "../wire/command-parser.ts";
import { PeerGone } from "../wire/reply-writer.ts";
import { capabilities } from "./capabilities.ts";
import type { Connection, Received } from "./connection.ts";
import type { Shared } from "./shared.ts";

/** One client's IMAP session: reads commands one at a time, runs them, tells what changed, ends. */
export class ImapSession {
  readonly deps: ImapDeps;
  readonly limits: ImapLimits;
  readonly shared: Shared;
  readonly connection: Connection;
  mail: MailAccess | undefined;
  selected: SelectedFolder | undefined;
  authFailures = 0;
  #ending: string | undefined;
  #left = false;
  #badCommands = 0;
  readonly #startedAt = performance.now();

  constructor(shared: Shared, connection: Connection) {
    this.shared = shared;
    this.deps = shared.deps;
    this.limits = shared.limits;
    this.connection = connection;
  }

  /** Runs until the client or the server ends it; cleans up. Bugs are thrown. */
  async run(): Promise<void> {
    try {
      const banner = this.deps.policy.current().listener().imapBanner ?? this.shared.hostname;
      this.connection.out.line(`* OK [CAPABILITY ${capabilities(this)}] ${printable(banner)}`);
      await this.connection.out.flush();
      while (this.#ending === undefined && !this.#left) await this.#step();
      if (!this.#left) this.connection.out.line(`* BYE ${this.#ending}`);
      await this.connection.out.flush();
    } catch (error) {
      if (!(error instanceof PeerGone)) throw error;
    } finally {
      this.mail?.release();
      this.connection.close();
    }
  }

  /** Ends the session with BYE, once the running command has ended. */
  end(text: string): void {
    this.#ending ??= text;
    this.connection.wake();
  }

  /** LOGOUT: the client was told BYE already. */
  leave(): void {
    this.#left = true;
    this.selected = undefined;
  }

  get ending(): boolean {
    return this.#ending !== undefined;
  }

  /** The mailbox of a logged-in session. The registry lets no command run without. */
  get access(): MailAccess {
    if (this.mail === undefined) throw new Error("a command for logged-in sessions ran before login");
    return this.mail;
  }

  /** The selected folder as it is now, and this session's view of it. Throws Refused when it was deleted meanwhile. */
  current(): { readonly folder: Folder; readonly view: SelectedFolder } {
    const view = this.selected;
    const folder = view === undefined ? undefined : this.access.state.folders.get(view.folderId);
    if (view === undefined || folder === undefined) throw new Refused("The selected folder is gone", "NONEXISTENT");
    return { folder, view };
  }

  async login(account: Account): Promise<void> {
    // Opening folds all that is there now.
    const handle = await this.deps.folds.open(account.mailboxId);
    const { ip, id } = this.connection;
    this.mail = new MailAccess(this.deps, account, handle, { ip, id, foldTimeoutMs: this.limits.foldTimeoutMs });
  }

  /** Tells what others did since: called before each tagged reply, and while idle. */
  async tellUpdates(allowExpunge: boolean, ownModseqs: ReadonlySet<number> = new Set()): Promise<void> {
    if (this.selected === undefined) return;
    const folder = this.access.state.folders.get(this.selected.folderId);
    if (folder === undefined) {
      this.end("The selected folder was deleted");
      return;
    }
    for (const line of this.selected.updates(folder, allowExpunge, ownModseqs)) {
      this.connection.out.line(line);
      await this.connection.out.relieve();
    }
  }

  async #step(): Promise<void> {
    // Also for a client that never pauses: what has arrived already is read without looking at the clock.
    if (this.#waitMs() <= 0) {
      this.end("Login took too long");
      return;
    }
    const received = await this.connection.receive(this.mail?.account.mailboxId, this.#waitMs());
    switch (received.type) {
      case "command":
        await this.#answer(received.parser);
        this.connection.releaseLiterals();
        return;
      case "refused":
        this.connection.releaseLiterals();
        await this.#refuse(received);
        return;
      case "lost":
        this.end(received.text);
        return;
      case "gone":
        throw new PeerGone();
      case "late":
        this.end(this.mail === undefined ? "Login took too long" : "Autologout; idle for too long");
        return;
      default:
        // Woken: somebody set #ending.
        return;
    }
  }

  #waitMs(): number {
    if (this.mail !== undefined) return this.limits.autologoutMs;
    return this.limits.loginTimeoutMs - (performance.now() - this.#startedAt);
  }

  async #refuse(received: Extract<Received, { type: "refused" }>): Promise<void> {
    this.#countBad(true);
    this.connection.out.line(`${received.tag ?? "*"} ${received.text}`);
    await this.connection.out.flush();
  }

  async #answer(parser: CommandParser): Promise<void> {
    const { out } = this.connection;
    const request = { tag: "", byUid: false, ownModseqs: new Set<number>() };
    let verb = "unknown";
    let completion: Completion;
    try {
      request.tag = parser.tag();
      parser.sp();
      const name = parser.name();
      if (name === "UID") parser.sp();
      const full = name === "UID" ? `UID ${parser.name()}` : name;
      const command = commandNamed(full);
      if (command !== undefined) verb = full;
      request.byUid = name === "UID";
      completion = this.#notNow(command) ?? (await this.#run(command as Command, parser, request));
    } catch (error) {
      completion = this.#failure(error);
    }
    this.#countBad(completion.status === "BAD");
    this.deps.metrics.imapCommands.inc({ command: verb, result: completion.status });
    const code = completion.code === undefined ? "" : `[${completion.code}] `;
    const tag = request.tag === "" ? "*" : request.tag;
    if (!this.connection.moved) out.line(`${tag} ${completion.status} ${code}${completion.text}`);
    this.connection.moved = false;
    await out.flush();
  }

  async #run(command: Command, parser: CommandParser, request: Request): Promise<Completion> {
    try {
      return await command.run(this, parser, request);
    } finally {
      if (this.connection.alive) await this.tellUpdates(command.allowExpunge, request.ownModseqs);
    }
  }

  #notNow(command: Command | undefined): Completion | undefined {
    if (command === undefined) return bad("Unknown command");
    if (command.when === "before-login" && this.mail !== undefined) return bad("Already logged in");
    if (command.when === "after-login" && this.mail === undefined) return bad("Log in first");
    if (command.when === "selected" && this.mail === undefined) return bad("Log in first");
    if (command.when === "selected" && this.selected === undefined) return bad("Select a mailbox first");
    return undefined;
  }

  /** Values for what is foreseen; faults of stores become NO; anything else is a bug and thrown on. */
  #failure(error: unknown): Completion {
    if (error instanceof BadSyntax) return bad(error.message);
    if (error instanceof Refused) return no(error.message, error.code);
    if (error instanceof MimeBudgetExceeded) return no("The message is too complex to be read so", "LIMIT");
    if (error instanceof PeerGone || isBug(error)) throw error;
    if (error instanceof EventStoreFault && error.kind === "closed") {
      this.end("Server is shutting down");
      return no("Server is shutting down", "UNAVAILABLE");
    }
    this.deps.log.error({ err: error, sessionId: this.connection.id }, "imap command failed");
    return no("Temporarily not possible, try again", "UNAVAILABLE");
  }

  #countBad(isBad: boolean): void {
    if (!isBad) {
      if (this.mail !== undefined) this.#badCommands = 0;
      return;
    }
    this.#badCommands += 1;
    const most = this.mail === undefined ? this.limits.badCommandsBeforeLoginMax : this.limits.badCommandsMax;
    if (this.#badCommands >= most) this.end("Too many bad commands");
  }
}

/** Errors that the language raises are never foreseen: they end the session and show up with their trace. */
function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** Banner text from policy: one line of printable ASCII whatever was configured. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").replace(/^\[/, "(");
}

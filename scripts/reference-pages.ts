import { buildProgram } from "../apps/mailfold/src/cli.ts";
import { type Variable, variables } from "../apps/mailfold/src/config-variables.ts";
import { createMetrics } from "../libs/telemetry/src/index.ts";

type Command = ReturnType<typeof buildProgram>;

const made = (from: string) =>
  `<!-- Made by \`node scripts/generate-reference-docs.ts\` from ${from}; a test compares the two. -->`;

/** The reference pages that are views of the program: file name in docs/reference, and its text. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["configuration.md", configurationPage()],
    ["metrics.md", await metricsPage()],
    ["cli.md", commandLinePage()],
  ]);
}

function configurationPage(): string {
  const rows = (variables as readonly Variable[]).map((variable) => [
    `\`${variable.name}\``,
    `\`${variable.key}\``,
    variable.flag === undefined ? "" : `\`${variable.flag}\``,
    defaultOf(variable),
    variable.allowed,
    variable.meaning,
  ]);
  return page([
    "# Configuration",
    made("apps/mailfold/src/config-variables.ts"),
    "A flag beats the environment, which beats `mailfold.toml` (in the working directory, or named with `--config`), which beats the default. `mailfold config explain` shows each value, where it comes from, and secrets masked. Secrets, and addresses that may hold a password, have no flag: other users of the machine can read those.",
    "A wrong value ends the start before anything is opened: one line with the variable and what it allows, exit code 2. So does a misspelt variable that begins with `MAILFOLD_`, or an unknown key in the file.",
    table(["variable", "key in mailfold.toml", "flag", "default", "allowed", "meaning"], rows),
    "## Rules between variables",
    [
      "- The demo tenant is made on a loopback `MAILFOLD_HOST` only. On another host it is left out; asking for it with `MAILFOLD_DEMO=1` is refused.",
      "- A cluster log needs a body store of its own: `file:///directory` or `s3://...`. The embedded log keeps bodies itself. See [run on KurrentDB](../how-to/run-on-kurrentdb.md).",
      "- Two services cannot have one port. Port 0 takes any free one; the ports in use are in `run.json` in the data directory, and `mailfold status --json` prints them.",
      "- On a host that is not loopback, plain HTTP serves only health and a redirect to HTTPS, unless the request comes from a trusted proxy.",
    ].join("\n"),
    "## The command line's own",
    table(
      ["variable", "meaning"],
      [
        [
          "`MAILFOLD_URL`",
          "API of a remote platform, like `--url`; default: the platform that runs on the data directory",
        ],
        [
          "`MAILFOLD_TOKEN_FILE`",
          "file that holds the bearer token, like `--token-file`; default: `admin-token` in the data directory",
        ],
      ],
    ),
    "In `mailfold.toml` numbers, booleans and lists may be written as such:",
    '```toml\nhostname = "mail.example.net"\nsmtp_port = 25\ndemo = false\ntrusted_proxies = ["10.0.0.5", "10.0.1.0/24"]\n```',
  ]);
}

function defaultOf(variable: Variable): string {
  if (variable.name === "MAILFOLD_HOSTNAME") return "the machine's host name";
  return variable.fallback() === "" ? "generated" : `\`${variable.fallback()}\``;
}

async function metricsPage(): Promise<string> {
  const metrics = createMetrics();
  const all = metrics.registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly help: string;
    readonly labelNames?: readonly string[];
  }[];
  const types = new Map((await metrics.registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  const rows = all.map(({ name, help, labelNames = [] }) => [
    `\`${name}\``,
    types.get(name) ?? "",
    labelNames.map((label) => `\`${label}\``).join(", "),
    help,
  ]);
  return page([
    "# Metrics",
    made("libs/telemetry"),
    "`GET /metrics`, Prometheus text format. Served to loopback without a proxy in between, and to a platform token. Counters start at 0 with the process. No metric has a tenant, address or IP as a label: their number is bounded, and a scrape tells nobody's mail.",
    table(["metric", "type", "labels", "meaning"], rows),
    "`reason` is one of [the verdicts' reasons](verdict-reasons.md). What to alert on: [monitor](../how-to/monitor.md).",
  ]);
}

function commandLinePage(): string {
  const program = buildProgram();
  const serve = program.commands.find((command) => command.name() === "serve");
  return page([
    "# Command line",
    made("apps/mailfold/src/cli.ts"),
    "`npm run -s mailfold -- COMMAND` in the source tree, or `node_modules/.bin/node apps/mailfold/bin/mailfold.js COMMAND` anywhere. Results go to stdout, everything else to stderr.",
    "`serve`, `restore` and `verify` own the data directory: one at a time. `status`, `doctor` and `config explain` only look. All others ask the API of the running platform, or of the one that `--url` names.",
    "## Exit codes",
    table(
      ["code", "meaning"],
      [
        ["0", "done"],
        ["1", "failed or refused; one line on stderr says why"],
        ["2", "wrong usage or configuration; nothing was opened"],
      ],
    ),
    "## Options of every command",
    optionTable(program),
    ...leaves(program).flatMap((command) => [
      `## ${nameOf(command)}`,
      sentence(command.description()),
      `\`\`\`\n${nameOf(command)} ${usageOf(command)}\n\`\`\``.replace(" \n", "\n"),
      ...optionsOf(command, serve),
    ]),
  ]);
}

/** A command that takes all of serve's options says so, instead of naming them again. */
function optionsOf(command: Command, serve: Command | undefined): readonly string[] {
  const flags = ({ options }: Command) => options.map((option) => option.flags).join();
  if (command.options.length === 0) return [];
  const isLikeServe = serve !== undefined && command !== serve && flags(command) === flags(serve);
  return [isLikeServe ? "Takes the options of `mailfold serve`." : optionTable(command)];
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** Arguments and required options; the table below has the others. */
function usageOf(command: Command): string {
  const positional = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const required = command.options.filter((option) => option.mandatory).map((option) => option.flags);
  return [...positional, ...required].join(" ");
}

function optionTable(command: Command): string {
  const rows = command.options.map((option) => [
    `\`${option.flags}\``,
    option.mandatory ? "yes" : "",
    // The machine that makes the page has a name of its own.
    option.description.replace(/(MAILFOLD_HOSTNAME, default )[^)]*/, "$1the machine's host name") +
      (option.defaultValue === undefined || String(option.defaultValue) === ""
        ? ""
        : ` (default ${String(option.defaultValue)})`),
  ]);
  return table(["option", "required", "meaning"], rows);
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}.`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function page(blocks: readonly string[]): string {
  return `${blocks.join("\n\n")}\n`;
}

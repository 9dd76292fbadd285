import assert from "node:assert/strict";

interface UserError {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[];
}
interface Receipt {
  readonly position: string;
  readonly eventIds: readonly string[];
  readonly replayed: boolean;
  readonly dryRun: boolean;
  readonly lagging: boolean;
}
interface Payload {
  readonly errors: readonly UserError[];
  readonly receipt: Receipt | null;
  readonly object: Readonly<Record<string, unknown>> | null;
}

/** Where the API is and who asks. */
interface Where {
  readonly port: number;
  readonly token: string;
}

/** The whole client library of an ISP's script: one function over fetch. */
async function call({ port, token }: Where, query: string, variables: unknown = {}): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** What a script does with the API; `where` is asked at each call. */
export function provisioningScript(where: () => Where) {
  /** Runs a mutation as the script does; the object it answers has `selection`. */
  async function run(
    operation: string,
    object: string,
    input: Record<string, unknown>,
    selection = "id",
  ): Promise<Payload> {
    const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input!`;
    const query = `mutation($input: ${type}) { ${operation}(input: $input) { object: ${object} { ${selection} }
      errors { code message path } receipt { position eventIds replayed dryRun lagging } } }`;
    return (await call(where(), query, { input }))[operation] as Payload;
  }
  async function done(operation: string, object: string, input: Record<string, unknown>, selection?: string) {
    const payload = await run(operation, object, input, selection);
    assert.deepEqual(payload.errors, [], operation);
    assert.ok(payload.receipt !== null && payload.object !== null, operation);
    return { object: payload.object, receipt: payload.receipt };
  }
  const ask = (query: string, variables?: unknown) => call(where(), query, variables);
  return { run, done, ask };
}

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsClient } from "aws4fetch";

/** A fault of the object store. `unavailable` may be retried; `denied` and `missing` (no such bucket) may not. */
export class S3Fault extends Error {
  readonly kind: "unavailable" | "denied" | "missing";
  constructor(kind: S3Fault["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "S3Fault";
    this.kind = kind;
  }
}

export interface S3Target {
  readonly bucket: string;
  /** `https://host[:port]`; the bucket is the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** For tests and proxies; default the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
  /** One attempt's deadline beside 1 s for each MiB; default 10,000. */
  readonly timeoutMs?: number;
}

export interface S3Object {
  readonly key: string;
  readonly sizeBytes: number;
  /** Age by the server's own clock when it was listed. */
  readonly ageMs: number;
}

const attemptsMax = 4;
const retryDelayMs = 100;
const listingPage = 1_000;

interface Call {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly range?: string;
  /** Octets expected to travel, for the deadline. */
  readonly sizeBytes?: number;
}
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** The few calls on one bucket, each signed (AWS Signature Version 4), with a deadline and a bounded number of tries. */
export class S3Bucket {
  readonly #target: S3Target;
  readonly #client: AwsClient;

  constructor(target: S3Target) {
    this.#target = target;
    this.#client = new AwsClient({ ...target.credentials, service: "s3", region: target.region, retries: 0 });
  }

  /** Undefined when there is no such object. */
  async get(key: string, sizeBytes: number): Promise<Uint8Array | undefined> {
    const answer = await this.#call({ method: "GET", key, sizeBytes });
    return answer.status === 404 ? undefined : answer.body;
  }

  /** Bytes [start, end) of a longer object; end > start. */
  async getRange(key: string, start: number, end: number): Promise<Uint8Array | undefined> {
    const range = `bytes=${start}-${end - 1}`;
    const answer = await this.#call({ method: "GET", key, range, sizeBytes: end - start });
    if (answer.status === 404) return undefined;
    if (answer.status === 416) return new Uint8Array();
    // RFC 9110 14.4: the answer says what it is a part of; a server may send more than was asked for, or the whole.
    const from = Number(/^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1] ?? "0");
    return answer.body.subarray(start - from, end - from);
  }

  async head(key: string): Promise<S3Object | undefined> {
    const { status, headers } = await this.#call({ method: "HEAD", key });
    if (status === 404) return undefined;
    const modified = headers.get("last-modified");
    const now = serverTime(headers);
    const ageMs = modified === null ? Number.POSITIVE_INFINITY : now - Date.parse(modified);
    return { key, sizeBytes: Number(headers.get("content-length") ?? "-1"), ageMs };
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.#call({ method: "PUT", key, body, sizeBytes: body.length });
  }

  /** A missing object is as good as deleted. */
  async delete(key: string): Promise<void> {
    await this.#call({ method: "DELETE", key });
  }

  /** Everything below a prefix, in order of keys, a page at a time. */
  async *list(prefix: string): AsyncGenerator<S3Object, void, undefined> {
    let marker = "";
    for (;;) {
      // Version 1 of the call: its marker is a key of ours, known to every server, and survives a server's restart.
      const query = { prefix, "max-keys": String(listingPage), ...(marker === "" ? {} : { marker }) };
      const { headers, body } = await this.#call({ method: "GET", key: "", query, sizeBytes: listingPage * 512 });
      const text = Buffer.from(body).toString("utf8");
      const objects = objectsIn(text, serverTime(headers));
      yield* objects;
      marker = objects.at(-1)?.key ?? "";
      if (marker === "" || !/<IsTruncated>true<\/IsTruncated>/.test(text)) return;
    }
  }

  /** Refuses a bucket that is missing or closed to these credentials. */
  async check(): Promise<void> {
    const query = { prefix: "bodies/", "max-keys": "1" };
    const { status } = await this.#call({ method: "GET", key: "", query });
    if (status === 404) throw new S3Fault("missing", `there is no bucket ${this.#target.bucket}`);
  }

  async #call(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(call);
      } catch (error) {
        if (!(error instanceof S3Fault) || error.kind !== "unavailable" || attempt >= attemptsMax) throw error;
        await sleep(retryDelayMs * 2 ** (attempt - 1) * (1 + Math.random()));
      }
    }
  }

  async #attempt(call: Call): Promise<Answer> {
    const { bucket, endpoint, timeoutMs = 10_000 } = this.#target;
    const url = new URL(`${endpoint.replace(/\/+$/, "")}/${bucket}${call.key === "" ? "" : `/${call.key}`}`);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    const request = await this.#client.sign(url, {
      method: call.method,
      headers: headersOf(call),
      ...(call.body === undefined ? {} : { body: call.body as Uint8Array<ArrayBuffer> }),
    });
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs + (call.sizeBytes ?? 0) / 1_048.576));
    const where = `${call.method} ${bucket}/${call.key}`;
    let answer: Answer;
    try {
      const response = await (this.#target.fetch ?? globalThis.fetch)(request, { signal });
      const body = new Uint8Array(await response.arrayBuffer());
      answer = { status: response.status, headers: response.headers, body };
    } catch (cause) {
      throw new S3Fault("unavailable", `${where}: no answer`, { cause });
    }
    return sorted(where, answer);
  }
}

function headersOf(call: Call): Record<string, string> {
  const hash = createHash("sha256")
    .update(call.body ?? "")
    .digest("hex");
  // The payload's hash is signed: the server refuses octets that were changed on their way.
  return { "x-amz-content-sha256": hash, ...(call.range === undefined ? {} : { range: call.range }) };
}

function sorted(where: string, answer: Answer): Answer {
  const { status, body } = answer;
  if (status < 300 || status === 404 || status === 416) return answer;
  const code = textOf(Buffer.from(body.subarray(0, 4_096)).toString("utf8"), "Code") ?? "";
  if (status === 401 || status === 403) throw new S3Fault("denied", `${where}: access denied ${code}`.trim());
  throw new S3Fault("unavailable", `${where}: answered ${status} ${code}`.trim());
}

function serverTime(headers: Headers): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? Date.now() : date;
}

function objectsIn(listing: string, now: number): readonly S3Object[] {
  return [...listing.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, content = ""]) => {
    const key = textOf(content, "Key");
    const modified = textOf(content, "LastModified");
    if (key === undefined || modified === undefined) return [];
    return [{ key, sizeBytes: Number(textOf(content, "Size") ?? "0"), ageMs: Math.max(0, now - Date.parse(modified)) }];
  });
}

function textOf(xml: string, element: string): string | undefined {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1];
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text?.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name] ?? "");
}

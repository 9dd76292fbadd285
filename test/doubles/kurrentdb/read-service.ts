import { type handleServerStreamingCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import { deletedError } from "./append-service.ts";
import type { LoggedEvent } from "./double-log.ts";
import type { Node } from "./kurrent-double.ts";
import { serverError, shared, streamNameOf, streams } from "./protocol.ts";
import { serveSubscription } from "./subscription-service.ts";

export type ReadReq = InstanceType<typeof streams.ReadReq>;
export type ReadResp = InstanceType<typeof streams.ReadResp>;
export type ReadOptions = InstanceType<typeof streams.ReadReq.Options>;
export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

/** Read: streams and $all in both directions, and subscriptions to $all. */
export function readHandler(node: Node): handleServerStreamingCall<ReadReq, ReadResp> {
  return (call) => {
    call.on("error", () => undefined);
    const options = call.request.getOptions();
    const refusal = node.refuses(call.metadata);
    if (refusal || !options) {
      call.emit("error", refusal ?? serverError(status.INVALID_ARGUMENT, "no options"));
      return;
    }
    if (node.faults.readsStall) return;
    if (options.hasSubscription()) {
      if (options.hasAll()) void serveSubscription(node, call, options);
      else call.emit("error", serverError(status.UNIMPLEMENTED, "the double subscribes to $all only"));
      return;
    }
    void serveRead(node, call, options);
  };
}

async function serveRead(node: Node, call: ReadCall, options: ReadOptions): Promise<void> {
  const backwards = options.getReadDirection() === 1;
  const count = Number(options.getCount());
  let events: readonly LoggedEvent[];
  if (options.hasStream()) {
    const stream = streamNameOf(options.getStream()?.getStreamIdentifier());
    if (node.log.isTombstoned(stream)) {
      call.emit("error", deletedError(stream));
      return;
    }
    const visible = node.log.visibleStream(stream);
    if (visible === undefined) {
      await write(call, notFound(stream));
      call.end();
      return;
    }
    events = fromRevision(visible, options, backwards);
  } else {
    events = fromPosition(node, options, backwards);
  }
  for (const event of events.slice(0, Math.min(count, events.length))) {
    if (call.cancelled) return;
    if (node.faults.readsStall) return;
    await write(call, eventResponse(event));
  }
  call.end();
}

function fromRevision(
  visible: readonly LoggedEvent[],
  options: ReadOptions,
  backwards: boolean,
): readonly LoggedEvent[] {
  const place = options.getStream();
  if (!place) return [];
  if (!backwards) {
    if (place.hasEnd()) return [];
    const from = place.hasRevision() ? Number(place.getRevision()) : 0;
    return visible.filter((event) => event.revision >= from);
  }
  if (place.hasStart()) return visible.slice(0, 1);
  const from = place.hasRevision() ? Number(place.getRevision()) : Number.MAX_SAFE_INTEGER;
  return visible.filter((event) => event.revision <= from).reverse();
}

/** Forwards from a position includes the event there; backwards excludes it. */
function fromPosition(node: Node, options: ReadOptions, backwards: boolean): readonly LoggedEvent[] {
  const place = options.getAll();
  if (!place) return [];
  const at = place.getPosition()?.getCommitPosition();
  const index = at === undefined ? undefined : node.log.indexOf(BigInt(at));
  if (backwards) return node.log.all.slice(0, place.hasEnd() ? undefined : (index ?? 0)).reverse();
  return node.log.all.slice(place.hasEnd() ? node.log.all.length : (index ?? 0));
}

/** Waits for the client when its window is full. */
export async function write(call: ReadCall, response: ReadResp): Promise<void> {
  if (call.write(response) || call.cancelled) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      call.off("drain", done).off("cancelled", done).off("close", done).off("error", done);
      resolve();
    };
    call.on("drain", done).on("cancelled", done).on("close", done).on("error", done);
  });
}

function notFound(stream: string): ReadResp {
  const missing = new streams.ReadResp.StreamNotFound();
  missing.setStreamIdentifier(identifierOf(stream));
  const response = new streams.ReadResp();
  response.setStreamNotFound(missing);
  return response;
}

function identifierOf(stream: string): InstanceType<typeof shared.StreamIdentifier> {
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Uint8Array.from(Buffer.from(stream, "utf8")));
  return identifier;
}

export function eventResponse(event: LoggedEvent): ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  const id = new shared.UUID();
  id.setString(event.id);
  recorded.setId(id);
  recorded.setStreamIdentifier(identifierOf(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(event.position.toString());
  recorded.setPreparePosition(event.position.toString());
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.customMetadata);
  const metadata = recorded.getMetadataMap();
  metadata.set("type", event.type);
  metadata.set("content-type", event.contentType);
  metadata.set("created", String(BigInt(event.createdMs) * 10_000n));
  const read = new streams.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(event.position.toString());
  const response = new streams.ReadResp();
  response.setEvent(read);
  return response;
}

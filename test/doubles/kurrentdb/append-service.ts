import { type handleClientStreamingCall, type handleUnaryCall, type ServiceError, status } from "@grpc/grpc-js";
import type { ExpectedState, ProposedEvent } from "./double-log.ts";
import type { Node } from "./kurrent-double.ts";
import { serverError, shared, streamNameOf, streams } from "./protocol.ts";

type AppendReq = InstanceType<typeof streams.AppendReq>;
type AppendResp = InstanceType<typeof streams.AppendResp>;
type AppendOptions = InstanceType<typeof streams.AppendReq.Options>;
type ProposedMessage = InstanceType<typeof streams.AppendReq.ProposedMessage>;

/** Classic Append: options first, then one message per event, then one answer. */
export function appendHandler(node: Node): handleClientStreamingCall<AppendReq, AppendResp> {
  return (call, callback) => {
    const refusal = node.refuses(call.metadata);
    let options: AppendOptions | undefined;
    const events: ProposedEvent[] = [];
    call.on("data", (request: AppendReq) => {
      if (request.hasOptions()) options = request.getOptions();
      const message = request.getProposedMessage();
      if (message) events.push(proposed(message));
    });
    call.on("error", () => undefined);
    call.on("end", () => {
      // A call that was cut short ends too, with the events that had come, and is told to be cancelled a turn later. The
      // server writes none of them.
      setImmediate(() => {
        if (call.cancelled || call.destroyed || isLate(call.getDeadline())) return;
        const answer: Answer = refusal ? { error: refusal } : options && answerTo(node, options, events);
        if (answer && "error" in answer) callback(answer.error);
        else if (answer) callback(null, answer.response);
      });
    });
  };
}

function isLate(deadline: Date | number): boolean {
  return Number(deadline) <= Date.now();
}

/** Undefined = never answered. */
type Answer = { readonly error: ServiceError } | { readonly response: AppendResp } | undefined;

function answerTo(node: Node, options: AppendOptions, events: readonly ProposedEvent[]): Answer {
  const stream = streamNameOf(options.getStreamIdentifier());
  const fault = node.faults.takeAppendFault(stream);
  if (fault === "stallBeforeWrite") return undefined;
  if (fault === "unavailableBeforeWrite") return { error: serverError(status.UNAVAILABLE, "connection reset") };
  if (fault === "notReady") return { error: serverError(status.UNAVAILABLE, "Server Is Not Ready") };
  const sizeBytes = events.reduce((sum, event) => sum + event.data.length + event.customMetadata.length, 0);
  if (sizeBytes > node.appendSizeMax) {
    const trailer = {
      exception: "maximum-append-size-exceeded",
      "maximum-append-size": String(node.appendSizeMax),
    };
    return { error: serverError(status.INVALID_ARGUMENT, "Maximum Append Size Exceeded", trailer) };
  }
  const expected = expectedOf(options);
  const decision = node.log.append(stream, expected, events);
  if (fault === "lostAnswer") return undefined;
  if (fault === "unavailableAfterWrite") return { error: serverError(status.UNAVAILABLE, "connection reset") };
  if (fault === "timeoutAfterWrite") return { error: serverError(status.ABORTED, "Operation timed out") };
  if (decision.kind === "deleted") return { error: deletedError(stream) };
  const response = new streams.AppendResp();
  if (decision.kind === "written") response.setSuccess(successOf(decision.revision, decision.position));
  else response.setWrongExpectedVersion(wrongVersionOf(expected, decision.current));
  return { response };
}

function successOf(revision: number, at: bigint): InstanceType<typeof streams.AppendResp.Success> {
  const position = new streams.AppendResp.Position();
  position.setCommitPosition(at.toString());
  position.setPreparePosition(at.toString());
  const success = new streams.AppendResp.Success();
  success.setCurrentRevision(String(revision));
  success.setPosition(position);
  return success;
}

function wrongVersionOf(
  expected: ExpectedState,
  current: number,
): InstanceType<typeof streams.AppendResp.WrongExpectedVersion> {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current >= 0) wrong.setCurrentRevision(String(current));
  else wrong.setCurrentNoStream(new shared.Empty());
  if (typeof expected === "number") wrong.setExpectedRevision(String(expected));
  else if (expected === "noStream") wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === "streamExists") wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedAny(new shared.Empty());
  return wrong;
}

function expectedOf(options: AppendOptions): ExpectedState {
  if (options.hasAny()) return "any";
  if (options.hasNoStream()) return "noStream";
  if (options.hasStreamExists()) return "streamExists";
  return Number(options.getRevision());
}

function proposed(message: ProposedMessage): ProposedEvent {
  const metadata = message.getMetadataMap();
  return {
    id: (message.getId()?.getString() ?? "").toLowerCase(),
    type: metadata.get("type") ?? "",
    contentType: metadata.get("content-type") ?? "",
    data: message.getData_asU8(),
    customMetadata: message.getCustomMetadata_asU8(),
  };
}

export function deletedError(stream: string) {
  const trailer = { exception: "stream-deleted", "stream-name": stream };
  return serverError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, trailer);
}

function movedError(stream: string, expected: number, current: number): ServiceError {
  return serverError(status.FAILED_PRECONDITION, "WrongExpectedVersion", {
    exception: "wrong-expected-version",
    "stream-name": stream,
    "expected-version": String(expected),
    "actual-version": String(current),
  });
}

type DeleteReq = InstanceType<typeof streams.DeleteReq>;
type DeleteResp = InstanceType<typeof streams.DeleteResp>;
type TombstoneReq = InstanceType<typeof streams.TombstoneReq>;
type TombstoneResp = InstanceType<typeof streams.TombstoneResp>;

/** Soft delete, with `any` or a numeric expectation. */
export function deleteHandler(node: Node): handleUnaryCall<DeleteReq, DeleteResp> {
  return (call, callback) => {
    const refusal = node.refuses(call.metadata);
    const stream = streamNameOf(call.request.getOptions()?.getStreamIdentifier());
    const options = call.request.getOptions();
    const expected = options?.hasRevision() ? Number(options.getRevision()) : undefined;
    const current = node.log.lastRevision(stream);
    const moved = expected !== undefined && expected !== current ? movedError(stream, expected, current) : null;
    const error = refusal ?? (node.log.isTombstoned(stream) ? deletedError(stream) : moved);
    if (!error) node.log.softDelete(stream);
    callback(error, error ? null : new streams.DeleteResp());
  };
}

/** Hard delete; only the `any` expectation is copied. */
export function tombstoneHandler(node: Node): handleUnaryCall<TombstoneReq, TombstoneResp> {
  return (call, callback) => {
    const refusal = node.refuses(call.metadata);
    const stream = streamNameOf(call.request.getOptions()?.getStreamIdentifier());
    const error = refusal ?? (node.log.isTombstoned(stream) ? deletedError(stream) : null);
    if (!error) node.log.tombstone(stream);
    callback(error, error ? null : new streams.TombstoneResp());
  };
}

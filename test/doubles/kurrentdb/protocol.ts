// The generated classes ship with the client and share one global `proto` namespace, so the double loads the same ones.
import gossipService from "@eventstore/db-client/generated/gossip_grpc_pb.js";
import gossip from "@eventstore/db-client/generated/gossip_pb.js";
import featuresService from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import features from "@eventstore/db-client/generated/serverfeatures_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import streamsService from "@eventstore/db-client/generated/streams_grpc_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { Metadata, type ServiceError, type status } from "@grpc/grpc-js";

export { features, featuresService, gossip, gossipService, shared, streams, streamsService };

/** A gRPC error with the server's `exception` trailer and its facts. */
export function serverError(
  code: status,
  details: string,
  trailer: Readonly<Record<string, string>> = {},
): ServiceError {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailer)) metadata.set(name, value);
  return Object.assign(new Error(details), { code, details, metadata });
}

export function streamNameOf(identifier: { getStreamName(): Uint8Array | string } | undefined): string {
  const name = identifier?.getStreamName() ?? "";
  return typeof name === "string" ? Buffer.from(name, "base64").toString("utf8") : Buffer.from(name).toString("utf8");
}

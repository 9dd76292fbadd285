import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { appendHandler, deleteHandler, tombstoneHandler } from "./append-service.ts";
import { DoubleFaults } from "./double-faults.ts";
import { DoubleLog } from "./double-log.ts";
import { features, featuresService, gossip, gossipService, serverError, shared, streamsService } from "./protocol.ts";
import { readHandler } from "./read-service.ts";
import { Wire } from "./wire.ts";

export interface DoubleOptions {
  /** Share one log between nodes of a cluster, or keep it over doubles. */
  readonly log?: DoubleLog;
  /** Basic credentials that every call must carry. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** PEM; absent = plain text. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Bytes of all data and metadata in one append; default 1 MiB as on the server. */
  readonly appendSizeMax?: number;
  /** Set on a follower: where the leader listens. */
  readonly leaderPort?: number;
}

/** What a request handler may ask of its node. */
export interface Node {
  readonly log: DoubleLog;
  readonly faults: DoubleFaults;
  readonly appendSizeMax: number;
  /** The error that every call with this metadata gets, if any. */
  refuses(metadata: Metadata): ServiceError | undefined;
}

/** A KurrentDB server as its client sees it, in this process. */
export interface KurrentDouble {
  readonly port: number;
  readonly log: DoubleLog;
  readonly faults: DoubleFaults;
  readonly wire: Wire;
  /** Stops serving, as a crash does; connections are cut. */
  stop(): Promise<void>;
  /** Serves again on the same port with the same data. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a protocol double: v1 Streams, Gossip and ServerFeatures, with fault switches. */
export async function startKurrentDouble(options: DoubleOptions = {}): Promise<KurrentDouble> {
  const node: Node = {
    log: options.log ?? new DoubleLog(),
    faults: new DoubleFaults(),
    appendSizeMax: options.appendSizeMax ?? 1024 * 1024,
    refuses: (metadata) => refusalOf(options, metadata),
  };
  let innerPort = 0;
  const wire = new Wire(() => innerPort);
  let server: Server | undefined;
  const start = async () => {
    server = new Server({ "grpc.max_receive_message_length": 17 * 1024 * 1024 });
    addServices(server, node, () => wire.port, options.leaderPort);
    innerPort = await bind(server, options);
    await wire.open();
  };
  const stop = async () => {
    await wire.close();
    server?.forceShutdown();
    server = undefined;
  };
  await start();
  return {
    get port() {
      return wire.port;
    },
    log: node.log,
    faults: node.faults,
    wire,
    start,
    stop,
    close: stop,
  };
}

function addServices(server: Server, node: Node, ownPort: () => number, leaderPort: number | undefined): void {
  server.addService(streamsService.StreamsService as never, {
    read: readHandler(node) as UntypedHandleCall,
    append: appendHandler(node) as UntypedHandleCall,
    delete: deleteHandler(node) as UntypedHandleCall,
    tombstone: tombstoneHandler(node) as UntypedHandleCall,
    // batchAppend is left unimplemented: a client that used it would fail loudly.
  });
  server.addService(gossipService.GossipService as never, {
    read: ((_call: unknown, callback: (error: null, info: unknown) => void) =>
      callback(null, clusterInfo(ownPort(), leaderPort))) as UntypedHandleCall,
  });
  server.addService(featuresService.ServerFeaturesService as never, {
    getSupportedMethods: ((_call: unknown, callback: (error: null, methods: unknown) => void) => {
      const methods = new features.SupportedMethods();
      methods.setEventStoreServerVersion("24.10.14-double");
      callback(null, methods);
    }) as UntypedHandleCall,
  });
}

function clusterInfo(ownPort: number, leaderPort: number | undefined): InstanceType<typeof gossip.ClusterInfo> {
  const info = new gossip.ClusterInfo();
  const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState;
  info.addMembers(member(ownPort, leaderPort === undefined ? LEADER : FOLLOWER));
  if (leaderPort !== undefined) info.addMembers(member(leaderPort, LEADER));
  return info;
}

function member(
  port: number,
  state: InstanceType<typeof gossip.MemberInfo> extends { getState(): infer State } ? State : never,
) {
  const endPoint = new gossip.EndPoint();
  endPoint.setAddress("127.0.0.1");
  endPoint.setPort(port);
  const id = new shared.UUID();
  id.setString(crypto.randomUUID());
  const info = new gossip.MemberInfo();
  info.setInstanceId(id);
  info.setTimeStamp("0");
  info.setState(state);
  info.setIsAlive(true);
  info.setHttpEndPoint(endPoint);
  return info;
}

function refusalOf(options: DoubleOptions, metadata: Metadata): ServiceError | undefined {
  if (options.leaderPort !== undefined && metadata.get("requires-leader")[0] === "true") {
    return serverError(status.NOT_FOUND, "Leader info available", {
      exception: "not-leader",
      "leader-endpoint-host": "127.0.0.1",
      "leader-endpoint-port": String(options.leaderPort),
    });
  }
  if (!options.credentials) return undefined;
  const { username, password } = options.credentials;
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (metadata.get("authorization")[0] === wanted) return undefined;
  return serverError(status.UNAUTHENTICATED, "Unauthenticated");
}

function bind(server: Server, options: DoubleOptions): Promise<number> {
  const credentials = options.tls
    ? ServerCredentials.createSsl(null, [{ cert_chain: options.tls.cert, private_key: options.tls.key }])
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

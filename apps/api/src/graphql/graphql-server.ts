import { EnvelopArmorPlugin } from "@escape.tech/graphql-armor";
import type { DefinitionNode, DocumentNode, GraphQLSchema } from "graphql";
import { createYoga, type Plugin, type YogaServerInstance } from "graphql-yoga";
import type { Caller } from "../caller.ts";
import type { ApiContext, ApiShared } from "./api-context.ts";
import { maskResult } from "./mask-errors.ts";

/** What each request brings. */
interface RequestBase {
  readonly caller: Caller;
  readonly requestId: string;
  /** Aborts when the client has gone. */
  readonly left: AbortSignal;
}
export type GraphqlServer = YogaServerInstance<RequestBase, ApiContext>;

/** Rows that one request may read through all its connections together. */
const rowsPerRequestMax = 10_000;

function kindOf(document: DocumentNode): string {
  const operation = document.definitions.find(
    (definition: DefinitionNode) => definition.kind === "OperationDefinition",
  );
  return operation?.kind === "OperationDefinition" ? operation.operation : "query";
}

/** Counts operations and masks errors: the last thing that happens to a result. */
function finishing(api: ApiShared): Plugin<ApiContext, RequestBase> {
  const finish = <R>(result: R, requestId: string): R =>
    result !== null && typeof result === "object" ? (maskResult(result, requestId, api.deps.log) as R) : result;
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result }) {
        const failed = "errors" in result && result.errors !== undefined;
        const kind = kindOf(args.document);
        api.deps.metrics.graphqlOperations.inc({ kind, outcome: failed ? "error" : "ok" });
      },
    }),
    onResultProcess({ result, setResult, serverContext }) {
      const { requestId } = serverContext;
      if (Symbol.asyncIterator in result) return;
      setResult(Array.isArray(result) ? result.map((one) => finish(one, requestId)) : finish(result, requestId));
    },
    onSubscribe: () => ({
      onSubscribeResult: ({ args }) => ({
        onNext({ result, setResult }) {
          setResult(finish(result, args.contextValue.requestId));
        },
      }),
    }),
  };
}

/** Yoga over the schema: no batching, no multipart, no page, bounded depth, aliases, tokens, directives and cost. */
export function createGraphqlServer(schema: GraphQLSchema, api: ApiShared): GraphqlServer {
  const { limits } = api;
  return createYoga<RequestBase, ApiContext>({
    schema,
    graphqlEndpoint: "/graphql",
    batching: false,
    multipart: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
    // Masked by our own plugin, which knows the requestId and the closed list of codes.
    maskedErrors: false,
    context: ({ caller, requestId, left }): ApiContext => ({
      caller,
      requestId,
      left,
      api,
      rowsLeft: rowsPerRequestMax,
      explained: new Map(),
    }),
    plugins: [
      EnvelopArmorPlugin({
        // Whoever may ask may introspect: a hint at a misspelt name gives nothing away.
        blockFieldSuggestion: { enabled: false },
        maxDepth: { n: limits.queryDepth },
        maxAliases: { n: limits.queryAliases },
        maxTokens: { n: limits.queryTokens },
        maxDirectives: { n: 20 },
        costLimit: { maxCost: limits.queryCost },
      }),
      finishing(api),
    ],
  });
}

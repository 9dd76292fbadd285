import type { Position } from "@mailfold/kernel";
import type { ProjectionStatus } from "@mailfold/read-store";
import { notFound, OperationForbidden, refused } from "../../operations/operation-outcome.ts";
import type { BackupResult, PublishedRecord } from "../../ports.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";
import { payloadOf } from "../mutations/payload.ts";

function requirePlatform({ caller }: ApiContext): void {
  if (caller.scope.kind !== "platform") throw new OperationForbidden(["platform"]);
}

const parkedRef = builder.objectRef<NonNullable<ProjectionStatus["parked"]>>("ParkedProjection").implement({
  description: "The event that a projection stopped at.",
  fields: (t) => ({
    eventId: t.exposeString("eventId"),
    type: t.exposeString("type"),
    position: t.string({ resolve: (parked, _args, { api }) => api.cursors.format(parked.position) }),
    error: t.exposeString("error"),
  }),
});

const projectionState = builder.enumType("ProjectionState", {
  values: {
    RUNNING: { value: "running" },
    REBUILDING: { value: "rebuilding" },
    PARKED: { value: "parked" },
    STOPPED: { value: "stopped" },
  },
} as const);

const projectionRef = builder.objectRef<ProjectionStatus>("Projection").implement({
  description: "A read model and how far it has come.",
  fields: (t) => ({
    name: t.exposeString("name"),
    version: t.exposeInt("version"),
    state: t.field({ type: projectionState, resolve: (status) => status.state }),
    position: t.string({ resolve: (status, _args, { api }) => api.cursors.format(status.position) }),
    lagEvents: t.expose("lagEvents", { type: "Long" }),
    lagSeconds: t.exposeFloat("lagSeconds"),
    parked: t.field({ type: parkedRef, nullable: true, resolve: (status) => status.parked ?? null }),
  }),
});

const backupRef = builder.objectRef<BackupResult>("Backup").implement({
  description: "A consistent copy of the running platform.",
  fields: (t) => ({
    directory: t.exposeString("directory"),
    position: t.string({ resolve: (backup, _args, { api }) => api.cursors.format(backup.position as Position) }),
    bytes: t.expose("bytes", { type: "Long" }),
  }),
});

builder.queryField("projections", (t) =>
  t.field({
    type: [projectionRef],
    description: "Platform tokens only.",
    resolve: (_root, _args, context) => {
      requirePlatform(context);
      return [...context.api.deps.rows.status()];
    },
  }),
);

const dnsRecordRef = builder.objectRef<PublishedRecord>("DnsRecord").implement({
  description: "A DNS record to publish.",
  fields: (t) => ({
    name: t.exposeString("name"),
    type: t.exposeString("type"),
    value: t.exposeString("value", { description: "The whole text, for panels that split it themselves." }),
    zoneLine: t.exposeString("zoneLine", { description: "As a zone file takes it." }),
  }),
});

builder.queryField("sealRecord", (t) =>
  t.field({
    type: dnsRecordRef,
    nullable: true,
    description:
      "Platform tokens only. Where the world reads the key that forwarded mail is sealed with (ARC, RFC 8617).",
    resolve: (_root, _args, context) => {
      requirePlatform(context);
      return context.api.deps.sealRecord ?? null;
    },
  }),
);

const projectionRebuildInput = builder.inputType("ProjectionRebuildInput", {
  fields: (t) => ({ name: t.string({ required: true }) }),
});
const backupCreateInput = builder.inputType("BackupCreateInput", {
  fields: (t) => ({ directory: t.string({ required: true, description: "A new directory on the server." }) }),
});

builder.mutationFields((t) => ({
  projectionRebuild: t.field({
    type: payloadOf("ProjectionRebuild", "projection", projectionRef),
    description: "Platform tokens only. Starts building beside the old rows; they are swapped when it is done.",
    args: { input: t.arg({ type: projectionRebuildInput, required: true }) },
    resolve: (_root, { input }, context) => {
      requirePlatform(context);
      const { rows, log } = context.api.deps;
      const find = () => rows.status().find((status) => status.name === input.name);
      if (find() === undefined) return notFound<ProjectionStatus>("name");
      rows.rebuild(input.name).catch((error: unknown) => log.error({ err: error, ...input }, "rebuild failed"));
      const value = find();
      return value === undefined ? notFound<ProjectionStatus>("name") : { value, errors: [] };
    },
  }),
  backupCreate: t.field({
    type: payloadOf("BackupCreate", "backup", backupRef),
    description: "Platform tokens only. Copies the running platform into a new directory on the server.",
    args: { input: t.arg({ type: backupCreateInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      requirePlatform(context);
      const { backup, log } = context.api.deps;
      if (backup === undefined) {
        const message = "This installation's store is backed up by its own tools.";
        return refused<BackupResult>({ code: "UNAVAILABLE", message });
      }
      try {
        return { value: await backup(input.directory), errors: [] };
      } catch (error) {
        // What is wrong with a directory is for the operator to read; only platform tokens come here.
        log.error({ err: error }, "backup failed");
        return refused<BackupResult>({
          code: "UNAVAILABLE",
          message: `The backup failed: ${(error as Error).message}`,
        });
      }
    },
  }),
}));

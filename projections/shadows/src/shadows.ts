import { type ShadowDropped, type ShadowPromoted, type ShadowStarted, scopeId } from "@mailfold/domain";
import type { VerdictRecorded } from "@mailfold/events";
import {
  projectWith,
  type RecordedEvent,
  type RowChange,
  type RowHandlers,
  type RowsProjection,
} from "@mailfold/kernel";

type Lifecycle = ShadowStarted | ShadowPromoted | ShadowDropped;

const ended =
  (state: "promoted" | "dropped") =>
  ({ data: { shadowId }, occurredAt }: RecordedEvent<ShadowPromoted | ShadowDropped>): readonly RowChange[] => [
    { patch: "shadows", where: { shadowId }, set: { state, endedAt: occurredAt } },
  ];

const handlers: RowHandlers<Lifecycle> = {
  ShadowStarted: (event) => {
    const { changes, expiresAt, note = null, scope, shadowId } = event.data;
    const { actor, resellerId = null, tenantId = null } = event.metadata;
    return [
      {
        put: "shadows",
        row: {
          shadowId,
          scope: scopeId(scope),
          scopeKind: scope.kind,
          tenantId,
          resellerId,
          // Null once the tenant's key was erased.
          changes: changes === null ? null : JSON.stringify(changes),
          note,
          startedAt: event.occurredAt,
          startedBy: actor.id,
          expiresAt,
          state: "running",
          endedAt: null,
          position: event.position,
        },
      },
    ];
  },
  ShadowPromoted: ended("promoted"),
  ShadowDropped: ended("dropped"),
};

/** Shadows and what became of them; one that is `running` past its expiresAt is over. */
export const shadows: RowsProjection = {
  name: "shadows",
  version: 1,
  tables: [
    {
      name: "shadows",
      key: ["shadowId"],
      columns: {
        shadowId: "text",
        scope: "text",
        scopeKind: "text",
        tenantId: "text",
        resellerId: "text",
        changes: "text",
        note: "text",
        startedAt: "integer",
        startedBy: "text",
        expiresAt: "integer",
        state: "text",
        endedAt: "integer",
        position: "text",
      },
      indexes: [
        ["state", "shadowId"],
        ["scope", "position"],
      ],
    },
  ],
  handles: Object.keys(handlers),
  project: (event) => projectWith<Lifecycle>(handlers, event),
};

const judged: RowHandlers<VerdictRecorded> = {
  VerdictRecorded: (event) => {
    const { action, reason, shadows: told = [], verdictId } = event.data;
    const { occurredAt: at, position } = event;
    return told.map(({ action: shadowAction = null, reason: shadowReason = null, shadowId }) => {
      const differs = shadowAction === null ? 0 : 1;
      return {
        put: "verdicts",
        row: { shadowId, verdictId, action, reason, shadowAction, shadowReason, differs, at, position },
      };
    });
  },
};

/** What shadows came to, beside what was done: one row a verdict, for as long as verdicts are kept. */
export const shadowVerdicts: RowsProjection = {
  name: "shadow-verdicts",
  version: 1,
  tables: [
    {
      name: "verdicts",
      key: ["shadowId", "verdictId"],
      columns: {
        shadowId: "text",
        verdictId: "text",
        action: "text",
        reason: "text",
        shadowAction: "text",
        shadowReason: "text",
        differs: "integer",
        at: "integer",
        position: "text",
      },
      indexes: [
        ["shadowId", "position"],
        ["shadowId", "differs", "position"],
      ],
      expiringBy: "position",
    },
  ],
  handles: Object.keys(judged),
  project: (event) => projectWith<VerdictRecorded>(judged, event),
};

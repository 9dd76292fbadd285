import { combineAfterData } from "@mailfold/policy";
import { BodyCollector } from "../body-collector.ts";
import type { Judged } from "../judge.ts";
import { MessageJudgement } from "../message-judgement.ts";
import { refusalReply, replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import type { Transaction } from "../transaction.ts";
import { buildCommit } from "../transaction-commit.ts";
import type { MessageNotes } from "../verdict-event.ts";
import type { Verb } from "./verb.ts";

/** DATA (RFC 5321 4.1.1.4): reads the message, judges it for each recipient, commits once, then answers. */
export const data: Verb = (session, argument, done) => {
  if (argument !== "") return session.error(replies.noParameters, done);
  const { transaction } = session;
  if (transaction === undefined) return session.error(replies.mailFirst, done);
  if (transaction.recipients.size === 0) {
    return session.error(transaction.refused > 0 ? replies.noRecipients : replies.recipientFirst, done);
  }
  // RFC 2920 3.1: DATA ends a command group. What follows unasked would be taken for commands by one and content by another.
  if (session.wire.hasMore) return session.closeWith(replies.pipelining);
  if (!session.isReady) {
    session.wire.reply(replies.notReady);
    return done();
  }
  const collector = new BodyCollector(session.settings.sizeLimitBytes, session.services.budget);
  session.collector = collector;
  session.wire.startMessage(collector, (reader, next) => {
    const end = (): void => {
      collector.release();
      session.resetTransaction();
      next();
    };
    return judgeMessage(session, { transaction, collector, bareLineEnd: reader.bareLineEnd }).then(end);
  });
  session.wire.reply(replies.startData);
  done();
};

interface Received {
  readonly transaction: Transaction;
  readonly collector: BodyCollector;
  readonly bareLineEnd: boolean;
}

async function judgeMessage(session: SmtpSession, received: Received): Promise<void> {
  const { collector, transaction } = received;
  if (collector.overBudget) return session.wire.reply(replies.memoryFull);
  const startedAt = performance.now();
  const message = collector.overLimit ? undefined : collector.finish();
  const judgement = new MessageJudgement(session, { transaction, message, ...contentOf(received) });
  const judged = await judgement.judgeAll();
  const answer = combineAfterData(
    judged.map((each) => ({ verdict: each.verdict, isLocal: each.facts.recipient?.found.kind === "local" })),
  );
  if (answer.kind === "refuse") return refuse(session, { judged, by: answer.by, notes: judgement.notes });
  // Policy takes no message beyond every limit or with stray line ends; should it, this edge still does not.
  if (message === undefined) return session.wire.reply(replies.tooBig);
  if (received.bareLineEnd) return session.wire.reply(replies.bareLineEnd);
  const accepted = await judgement.accept(judged, message);
  const { deps } = session.services;
  try {
    const result = await deps.journal.commit(buildCommit(accepted));
    if (!result.ok) throw new Error(`conflict on ${result.stream} although any revision was expected`);
  } catch (error) {
    deps.log.error({ err: error, transaction: transaction.id }, "a message could not be committed");
    return session.wire.reply(replies.unavailable);
  }
  for (const each of accepted.judged) session.count(each);
  session.services.abuse.messageTaken(accepted.judged);
  deps.metrics.accepted.inc({ listener: session.peer.listener });
  deps.metrics.smtpCommitSeconds.observe((performance.now() - startedAt) / 1_000);
  session.junkCommands = 0;
  session.wire.reply(`250 2.0.0 ${transaction.id}`);
}

function contentOf({ collector, bareLineEnd }: Received) {
  return { sizeBytes: collector.sizeBytes, bareLineEnd };
}

async function refuse(
  session: SmtpSession,
  { judged, by, notes }: { readonly judged: readonly Judged[]; readonly by: number; readonly notes: MessageNotes },
): Promise<void> {
  // Recipients that would have been taken were not: there is no verdict of theirs to put on record.
  const refused = judged.filter(({ verdict }) => verdict.action === "reject" || verdict.action === "defer");
  const references = await session.references(refused, notes);
  const deciding = judged[by];
  const reference = deciding && references[refused.indexOf(deciding)];
  session.wire.reply(deciding && reference ? refusalReply(deciding.verdict, reference) : replies.unavailable);
}

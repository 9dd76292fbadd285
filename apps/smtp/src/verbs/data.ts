import type { Facts } from "@mailfold/policy";
import { combineAfterData } from "@mailfold/policy";
import { BodyCollector } from "../body-collector.ts";
import { type HeaderFacts, readHeaderFacts } from "../header-facts.ts";
import type { Judged } from "../judge.ts";
import { refusalReply, replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import type { Transaction } from "../transaction.ts";
import { buildCommit } from "../transaction-commit.ts";
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

const unreadHeader: HeaderFacts = {
  from: [],
  replyTo: [],
  fromCount: 0,
  received: 0,
  deliveredTo: [],
  messageId: undefined,
  subject: undefined,
  hasDate: true,
  broken: false,
};

async function judgeMessage(session: SmtpSession, received: Received): Promise<void> {
  const { collector, transaction } = received;
  if (collector.overBudget) return session.wire.reply(replies.memoryFull);
  const startedAt = performance.now();
  const message = collector.overLimit ? undefined : collector.finish();
  const header = message === undefined ? unreadHeader : readHeaderFacts(message.bytes);
  const content = contentFacts(received, header);
  const judged = await judgeAll(session, transaction, content);
  const answer = combineAfterData(
    judged.map((each) => ({ verdict: each.verdict, isLocal: each.facts.recipient?.found.kind === "local" })),
  );
  const notes = { messageIdHeader: header.messageId, subject: header.subject, sizeBytes: collector.sizeBytes };
  if (answer.kind === "refuse") {
    // Recipients that would have been taken were not: there is no verdict of theirs to put on record.
    const refused = judged.filter(({ verdict }) => verdict.action === "reject" || verdict.action === "defer");
    const references = await session.references(refused, notes);
    const by = judged[answer.by];
    const reference = by && references[refused.indexOf(by)];
    session.wire.reply(by && reference ? refusalReply(by.verdict, reference) : replies.unavailable);
    return;
  }
  // Policy takes no message beyond every limit or with stray line ends; should it, this edge still does not.
  if (message === undefined) return session.wire.reply(replies.tooBig);
  if (received.bareLineEnd) return session.wire.reply(replies.bareLineEnd);
  const { deps, hostname, limits } = session.services;
  const commit = buildCommit({
    transaction,
    judged,
    ...message,
    header,
    trace: {
      hostname,
      ip: session.peer.ip,
      helo: session.helo ?? "",
      isEsmtp: session.isEsmtp,
      isAuthenticated: session.login !== undefined,
      smtpUtf8: transaction.smtpUtf8,
      confirmedName: session.confirmedName,
      tls: session.wire.tls,
      transactionId: transaction.id,
      receivedAt: deps.clock.now(),
    },
    sessionId: session.peer.id,
    limits,
  });
  try {
    const result = await deps.journal.commit(commit);
    if (!result.ok) throw new Error(`conflict on ${result.stream} although any revision was expected`);
  } catch (error) {
    deps.log.error({ err: error, transaction: transaction.id }, "a message could not be committed");
    return session.wire.reply(replies.unavailable);
  }
  for (const each of judged) session.count(each);
  deps.metrics.accepted.inc({ listener: session.peer.listener });
  deps.metrics.smtpCommitSeconds.observe((performance.now() - startedAt) / 1_000);
  session.junkCommands = 0;
  session.wire.reply(`250 2.0.0 ${transaction.id}`);
}

function contentFacts({ collector, bareLineEnd }: Received, header: HeaderFacts): NonNullable<Facts["content"]> {
  const { from, replyTo, fromCount, received, deliveredTo, broken } = header;
  return { sizeBytes: collector.sizeBytes, bareLineEnd, from, replyTo, fromCount, received, deliveredTo, broken };
}

/** Each recipient again, now with the message known; the route found at RCPT stands when policy names none. */
async function judgeAll(
  session: SmtpSession,
  transaction: Transaction,
  content: NonNullable<Facts["content"]>,
): Promise<readonly Judged[]> {
  const all: Judged[] = [];
  for (const atRcpt of transaction.recipients.values()) {
    const answer = session.judge("data", { ...atRcpt.facts, content });
    const { verdict, facts } = answer instanceof Promise ? await answer : answer;
    const { route, vouchedBy, tenantId, resellerId } = atRcpt.verdict;
    const inherited = {
      ...(route === undefined ? {} : { route }),
      ...(vouchedBy === undefined ? {} : { vouchedBy }),
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(resellerId === undefined ? {} : { resellerId }),
    };
    all.push({ verdict: { ...inherited, ...verdict }, facts });
  }
  return all;
}

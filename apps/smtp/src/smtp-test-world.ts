import { after, before, beforeEach } from "node:test";
import { type Smtp, startSmtp } from "./index.ts";
import { type FakeDeps, fakeDeps } from "./testing/fake-deps.ts";

/** Options of a server that speaks on this machine only. */
export const host = { host: "127.0.0.1", hostname: "mx.test", trustedProxies: [] };
export const message = "From: x@ext.test\r\nSubject: hello\r\nMessage-ID: <1@ext.test>\r\n\r\nbody\r\n.\r\n";

interface SmtpHouse {
  readonly deps: FakeDeps;
  readonly mx: number;
  readonly submission: number;
  readonly submissions: number;
}

/** One server on all three ports for the tests of one `describe`; its journal and policy start each test empty. */
export function smtpHouse(): SmtpHouse {
  const house = { deps: undefined as unknown as FakeDeps, mx: 0, submission: 0, submissions: 0 };
  let smtp: Smtp;
  before(async () => {
    house.deps = await fakeDeps();
    smtp = await startSmtp(house.deps, { ...host, ports: { mx: 0, submission: 0, submissions: 0 } });
    house.mx = smtp.ports.mx!;
    house.submission = smtp.ports.submission!;
    house.submissions = smtp.ports.submissions!;
  });
  after(() => smtp.close());
  beforeEach(() => {
    house.deps.fakeJournal.commits.length = 0;
    house.deps.fakeJournal.failure = undefined;
    house.deps.fakePolicy.rule = () => undefined;
  });
  return house;
}

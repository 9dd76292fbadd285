import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

const message = [
  "From: Bob <bob@x.test>",
  "To: alice@demo.test",
  "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=",
  "Date: Tue, 24 Nov 2026 10:00:00 +0000",
  "Content-Type: multipart/mixed; boundary=b",
  "",
  "--b",
  "Content-Type: text/plain",
  "",
  "hello world",
  "--b",
  "Content-Type: message/rfc822",
  "",
  "Subject: inner",
  "",
  "inner text",
  "--b--",
  "",
].join("\r\n");

describe("commands over a socket", () => {
  let platform: TestPlatform;
  let client: RawClient;
  beforeEach(async () => {
    platform = await startTestPlatform();
    client = await (await RawClient.open(platform.port)).greetAndLogin();
  });
  afterEach(async () => {
    client.destroy();
    await platform.close();
    assert.equal(platform.mail.openHandles, 0, "every session gives its mailbox back");
  });
  const ok = (command: string, ...expected: readonly (string | RegExp)[]) => client.ok(command, ...expected);
  const fails = (command: string, status: RegExp) => client.fails(command, status);

  test("CAPABILITY ID NOOP NAMESPACE LOGOUT", async () => {
    await ok("CAPABILITY", "* CAPABILITY IMAP4rev1 LITERAL+", "UIDPLUS", "IDLE", "MOVE");
    await ok('ID ("name" "x" "version" NIL)', '* ID ("name" "Mailfold")');
    await ok("ID NIL");
    await ok("NOOP");
    await ok("NAMESPACE", '(("" "/")) NIL NIL');
    await fails("LOGIN a b", /BAD/);
    await fails("NOOP x", /BAD/);
    await ok("LOGOUT", "* BYE");
    await client.closed();
  });

  test("CREATE LIST LSUB SUBSCRIBE UNSUBSCRIBE RENAME DELETE STATUS", async () => {
    await ok("CREATE Work/2026/");
    await ok("CREATE Sent (USE (\\Sent))");
    await fails("CREATE work2 (USE (\\Flying))", /NO \[USEATTR\]/);
    await fails("CREATE work3 (USE (\\Sent))", /NO \[USEATTR\]/);
    assert.doesNotMatch(await ok('LIST "" work%'), /work/);
    await fails("CREATE inbox", /NO \[ALREADYEXISTS\]/);
    await fails('CREATE "a//b"', /NO \[CANNOT\]/);
    await fails(`CREATE ${"d/".repeat(70)}x`, /NO \[LIMIT\]/);
    await ok("CREATE Entw&APw-rfe");
    await ok(
      'LIST "" *',
      '(\\HasChildren) "/" "Work"',
      '"Work/2026"',
      '(\\Sent \\HasNoChildren) "/" "Sent"',
      '"Entw&APw-rfe"',
    );
    assert.doesNotMatch(await ok('LIST "" %'), /2026/);
    await ok('LIST "" ""', '* LIST (\\Noselect) "/" ""');
    await ok('LIST "Work/" "%"', "Work/2026");
    await ok("SUBSCRIBE Work/2026");
    await ok("SUBSCRIBE gone");
    await ok('LSUB "" *', '() "/" "Work/2026"', '(\\Noselect) "/" "gone"');
    await ok('LSUB "" %', '(\\Noselect) "/" "Work"');
    await ok("UNSUBSCRIBE gone");
    await fails("DELETE Work", /NO \[HASCHILDREN\]/);
    await fails("DELETE INBOX", /NO \[CANNOT\]/);
    await fails("DELETE none", /NO \[NONEXISTENT\]/);
    await ok("RENAME Work Old/Work");
    await ok('LIST "" "Old/*"', "Old/Work/2026");
    await fails("RENAME Old Sent", /NO \[ALREADYEXISTS\]/);
    await fails("RENAME Old Old/a/b", /NO \[CANNOT\]/);
    assert.doesNotMatch(await ok('LIST "" *'), /Old\/a/);
    await ok("DELETE Old/Work/2026");
    await ok(
      "STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
      '* STATUS "INBOX" (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)',
    );
    await fails("STATUS INBOX (FOO)", /BAD/);
    await fails("SELECT none", /NO \[NONEXISTENT\]/);
  });

  test("APPEND FETCH: sections, macros, partials, structure, \\Seen", async () => {
    await ok(
      `APPEND INBOX (\\Flagged $x) " 7-Nov-2026 10:00:00 +0100" {${message.length}+}\r\n${message}`,
      "[APPENDUID 1 1]",
    );
    await ok(`APPEND INBOX () {${message.length}+}\r\n${message}`);
    await fails("APPEND none {1+}\r\nx", /NO \[TRYCREATE\]/);
    await fails("APPEND INBOX (\\Recent) {1+}\r\nx", /BAD/);
    await fails("APPEND INBOX {0+}\r\n", /NO/);
    await ok("SELECT INBOX", "* 2 EXISTS", "[UIDVALIDITY 1]", "[UIDNEXT 3]", "[UNSEEN 1]", "[READ-WRITE]");
    await ok(
      "FETCH 1 FAST",
      "* 1 FETCH (FLAGS (",
      "$x \\Flagged",
      'INTERNALDATE " 7-Nov-2026 09:00:00 +0000"',
      `RFC822.SIZE ${message.length}`,
    );
    await ok("FETCH 1 FULL", '"=?utf-8?Q?gr=C3=BC=C3=9Fe?="', '(("Bob" NIL "bob" "x.test"))', '"MIXED"');
    await ok(
      "FETCH 1 BODYSTRUCTURE",
      '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 11 0 NIL NIL NIL NIL)("MESSAGE" "RFC822"',
      '(NIL "inner"',
      '("BOUNDARY" "b")',
    );
    await ok("FETCH 1 BODY.PEEK[]", `BODY[] {${message.length}}\r\n${message})`);
    await ok(
      "FETCH 1 (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT] BODY.PEEK[2.1] BODY.PEEK[3] BODY.PEEK[1.1])",
      "BODY[1] {11}\r\nhello world",
      "BODY[1.MIME] {28}\r\nContent-Type: text/plain\r\n\r\n",
      "BODY[2.HEADER] {18}\r\nSubject: inner\r\n\r\n",
      "BODY[2.TEXT] {10}\r\ninner text",
      "BODY[2.1] {10}\r\ninner text",
      "BODY[3] NIL",
      "BODY[1.1] NIL",
    );
    await ok(
      'FETCH 1 BODY.PEEK[HEADER.FIELDS (to "from" X)]',
      "BODY[HEADER.FIELDS (to from X)] {47}\r\nFrom: Bob <bob@x.test>\r\nTo: alice@demo.test\r\n\r\n",
    );
    await ok(
      "FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From To Subject Date)]",
      "{45}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    );
    await ok(
      "FETCH 1 (BODY.PEEK[]<5.4> BODY.PEEK[TEXT]<99999.1>)",
      "BODY[]<5> {4}\r\n Bob",
      "BODY[TEXT]<99999> {0}\r\n",
    );
    await ok("FETCH 1 RFC822.HEADER", "RFC822.HEADER {");
    assert.doesNotMatch(await ok("FETCH 1 FLAGS"), /Seen/);
    await ok("UID FETCH 2:* BODY[TEXT]<0.3>", "* 2 FETCH (UID 2 BODY[TEXT]<0> {3}\r\n--b FLAGS (", "\\Seen");
    await ok("UID FETCH 99 FLAGS");
    await fails("FETCH 3 FLAGS", /BAD/);
    for (const bad of [
      "FETCH 1 BODY[",
      "FETCH 1 BODY[FOO]",
      "FETCH 1 BODY[MIME]",
      "FETCH 1 ()",
      "FETCH 1 BODY[]<0.0>",
      "FETCH 0 FLAGS",
      "FETCH 1 BODY[HEADER.FIELDS ()]",
    ])
      await fails(bad, /BAD/);
  });

  test("BODYSTRUCTURE of parts that a client could misread", async () => {
    const parts = ["message/global", "message/rfc822", "message/delivery-status"];
    const body = parts.map((type) => `--b\r\nContent-Type: ${type}\r\n\r\nSubject: in\r\n\r\nx\r\n`).join("");
    await platform.deliver(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${body}--b--\r\n`);
    await platform.deliver("Content-Type: multipart/mixed\r\n\r\nno boundary\r\n");
    await ok("SELECT INBOX");
    await ok(
      "FETCH 1 BODY",
      '("MESSAGE" "GLOBAL" NIL NIL NIL "7BIT" 16)',
      '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 16 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 0) 2)',
      '("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 16) "MIXED")',
    );
    await ok("FETCH 2 BODY", '(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0) "MIXED")');
  });

  test("a delivery's prefix stands in front, and structure moves with it", async () => {
    await platform.deliver(message, { prefix: "Received: by mx\r\n" });
    await ok("SELECT INBOX");
    await ok(
      "FETCH 1 (BODY[]<0.30> BODY[1] RFC822.SIZE)",
      "Received: by mx\r\nFrom: Bob <b",
      "hello world",
      `RFC822.SIZE ${message.length + 17}`,
    );
  });

  test("STORE EXPUNGE COPY MOVE and their UID forms; EXAMINE refuses; CLOSE UNSELECT CHECK", async () => {
    for (let n = 0; n < 5; n++) await platform.deliver(`Subject: ${n}\r\n\r\nx`);
    await ok("SELECT INBOX");
    await ok("STORE 1:2 +FLAGS (\\Deleted $Work)", "* 1 FETCH (FLAGS (\\Recent $Work \\Deleted))", "* 2 FETCH");
    assert.doesNotMatch(await ok("STORE 1 +FLAGS.SILENT \\Seen"), /FETCH \(/);
    await ok("UID STORE 2 -FLAGS (\\Deleted)", "* 2 FETCH (UID 2 FLAGS (\\Recent $Work))");
    await fails("STORE 1 +FLAGS (\\Recent)", /BAD/);
    await fails("STORE 9 +FLAGS (\\Seen)", /BAD/);
    await ok("EXPUNGE", "* 1 EXPUNGE");
    await ok("CREATE Other");
    await ok("UID COPY 2:3 Other", "[COPYUID 2 2:3 1:2]");
    await fails("COPY 1 Missing", /NO \[TRYCREATE\]/);
    await ok("UID MOVE 4 Other", "* OK [COPYUID 2 4 3]", "* 3 EXPUNGE");
    await ok("MOVE 1 Other", "* 1 EXPUNGE");
    await ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    await ok("UID EXPUNGE 5", "* 2 EXPUNGE");
    await ok("CHECK");
    await ok("CLOSE");
    await fails("FETCH 1 FLAGS", /BAD/);
    await ok("EXAMINE Other", "[READ-ONLY]", "* 4 EXISTS", "[PERMANENTFLAGS ()]");
    const writer = await (await RawClient.open(platform.port)).greetAndLogin();
    await writer.command("SELECT Other");
    await writer.command("STORE 1 +FLAGS ($Later)");
    assert.match(await ok("NOOP", "* FLAGS ("), /PERMANENTFLAGS \(\)/);
    writer.destroy();
    await fails("STORE 1 +FLAGS (\\Seen)", /NO \[READ-ONLY\]/);
    await fails("EXPUNGE", /NO \[READ-ONLY\]/);
    await fails("MOVE 1 INBOX", /NO \[READ-ONLY\]/);
    await ok("FETCH 1 BODY[]");
    assert.doesNotMatch(await ok("FETCH 1 FLAGS"), /Seen/);
    await ok("UNSELECT");
    await ok("STATUS INBOX (MESSAGES)", "MESSAGES 0");
  });

  test("SEARCH: every key", async () => {
    await ok(`APPEND INBOX (\\Flagged $x) "07-Nov-2026 10:00:00 +0000" {${message.length}+}\r\n${message}`);
    await platform.deliver("From: eve@y.test\r\nSubject: other\r\nDate: 1 Jan 2020 00:00:00 +0000\r\n\r\nplain body");
    await ok("SELECT INBOX");
    const table: [string, string][] = [
      ["ALL", "1 2"],
      ["FLAGGED", "1"],
      ["UNFLAGGED", "2"],
      ["KEYWORD $X", "1"],
      ["UNKEYWORD $x", "2"],
      ["SEEN", ""],
      ["UNSEEN UNDELETED UNDRAFT UNANSWERED", "1 2"],
      ["1", "1"],
      ["*", "2"],
      ["NOT 1", "2"],
      ["UID 2:9", "2"],
      ["OR 1 2", "1 2"],
      ["(1 2)", ""],
      ["NEW", "1 2"],
      ["OLD", ""],
      ["RECENT", "1 2"],
      ["BEFORE 8-Nov-2026", "1"],
      ["ON 24-Nov-2026", "2"],
      ["SINCE 8-Nov-2026", "2"],
      ["SENTBEFORE 1-Jan-2021", "2"],
      ["SENTON 24-Nov-2026", "1"],
      ["SENTSINCE 1-Jan-2020", "1 2"],
      ["LARGER 100", "1"],
      ["SMALLER 100", "2"],
      ["FROM eve", "2"],
      ["TO alice", "1"],
      ["CC x", ""],
      ["BCC x", ""],
      ["SUBJECT OTHER", "2"],
      ['HEADER Subject ""', "1 2"],
      ['HEADER X-None ""', ""],
      ['BODY "inner TEXT"', "1"],
      ["TEXT eve@y", "2"],
      ["NOT BODY plain", "1"],
      ["OR FLAGGED BODY plain", "1 2"],
      ["CHARSET UTF-8 SUBJECT {7+}\r\ngr\xc3\xbc\xc3\x9fe", "1"],
      ["CHARSET us-ascii ALL", "1 2"],
    ];
    for (const [keys, expected] of table) {
      const reply = await ok(`UID SEARCH ${keys}`);
      assert.equal(/^\* SEARCH ?(.*)\r$/m.exec(reply)?.[1], expected, keys);
    }
    await fails("SEARCH CHARSET KOI8-R ALL", /NO \[BADCHARSET \(US-ASCII UTF-8\)\]/);
    await fails("SEARCH FOO", /BAD/);
    await fails(`SEARCH ${"NOT ".repeat(60)}ALL`, /BAD/);
    await fails(`SEARCH ${"OR ALL ".repeat(600)}ALL`, /BAD/);
  });

  test("Thunderbird's words", async () => {
    await platform.deliver("From: a@b.test\r\nSubject: hi\r\n\r\nhello");
    await ok('ID ("name" "Thunderbird" "version" "140.0")', "* ID (");
    await ok('create "Trash"');
    await ok('subscribe "Trash"');
    await ok('lsub "" "*"', '"/" "Trash"');
    await ok('list "" "INBOX"', '"INBOX"');
    await ok('STATUS "INBOX" (UIDNEXT MESSAGES UNSEEN RECENT)', "MESSAGES 1 UNSEEN 1");
    await ok('select "INBOX"', "* 1 EXISTS");
    await ok("UID fetch 1:* (FLAGS)", "* 1 FETCH (UID 1 FLAGS (");
    await ok(
      "UID fetch 1 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])",
      "BODY[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)] {",
      "From: a@b.test\r\nSubject: hi\r\n\r\n",
    );
    await ok("UID fetch 1 (UID RFC822.SIZE BODY.PEEK[])", "UID 1 RFC822.SIZE", "hello)");
    await ok("uid store 1 +Flags (\\Seen NonJunk)", "NonJunk \\Seen");
    await ok('uid copy 1 "Trash"', "[COPYUID 2 1 1]");
    await ok("uid store 1 +FLAGS (\\Deleted)");
    await ok("expunge", "* 1 EXPUNGE");
    await ok("noop");
    await ok("close");
  });
});

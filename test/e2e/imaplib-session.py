"""A session of Python's own IMAP client, in forms that other clients seldom use. Arguments: port, user, password, CA file."""

import imaplib
import ssl
import sys

port, user, password, certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
imaplib._MAXLINE = 10_000_000

MESSAGE = b"\r\n".join([
    b"From: =?utf-8?q?S=C3=B8ren?= <s@x.test>",
    b"To: undisclosed-recipients:;",
    b"Subject: caf\xc3\xa9",
    b"In-Reply-To:",
    b"Date: Mon, 1 Jan 2024 10:00:00 +0100",
    b'Content-Type: multipart/mixed; boundary="b1"',
    b"",
    b"--b1",
    b"Content-Type: text/plain; charset=utf-8",
    b"Content-Disposition: inline; filename*=utf-8''f%C3%BC.txt",
    b"",
    b"hello",
    b"--b1",
    b"Content-Type: message/rfc822",
    b"",
    b"Subject: inner",
    b"",
    b"body",
    b"--b1--",
    b"",
])


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def no(answer, code):
    status, data = answer
    assert status == "NO" and data[0].startswith(code), answer


def flat(data):
    return b"".join(part if isinstance(part, bytes) else part[0] + b"\r\n" + part[1] for part in data)


def holds(data, *parts):
    text = flat(data)
    for part in parts:
        assert part in text, (part, text)


def bad(call, *arguments):
    try:
        answer = call(*arguments)
    except imaplib.IMAP4.error as error:
        assert "BAD" in str(error), error
    else:
        raise AssertionError(answer)


imap = imaplib.IMAP4("localhost", port)
assert "LOGINDISABLED" in imap.capabilities
ok(imap.starttls(context))
assert "LOGINDISABLED" not in imap.capabilities and "AUTH=PLAIN" in imap.capabilities
ok(imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode()))
assert ok(imap.namespace()) == [b'(("" "/")) NIL NIL']
for name in [b"INBOX", b"Sent", b"Drafts", b"Junk", b"Trash", b"Archive"]:
    holds(ok(imap.lsub()), b'"%s"' % name)

# SELECT, APPEND and what is told about it.
assert ok(imap.select()) == [b"0"]
holds(ok(imap.append("INBOX", r"(\Seen custom)", '" 1-Feb-2024 03:04:05 -0130"', MESSAGE)), b"[APPENDUID 1 1]")
holds(ok(imap.append("INBOX", None, None, b"Subject: two\r\n\r\ntwo\r\n")), b"[APPENDUID 1 2]")
assert imap.response("EXISTS")[1][-1] == b"2"
no(imap.append("Nowhere", None, None, b"x"), b"[TRYCREATE]")

# FETCH.
data = ok(imap.fetch("1", "(ENVELOPE INTERNALDATE RFC822.SIZE)"))
holds(data, b'"Mon, 1 Jan 2024 10:00:00 +0100" {5}\r\ncaf\xc3\xa9', b"NIL NIL \"\" NIL)", b'" 1-Feb-2024 04:34:05 +0000"')
holds(data, b'((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))', b"RFC822.SIZE %d" % len(MESSAGE))
data = ok(imap.fetch("1", "BODYSTRUCTURE"))
holds(data, b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 5 0 NIL ("inline" ("FILENAME*" "utf-8\'\'f%C3%BC.txt")) NIL NIL)')
holds(data, b'"MESSAGE" "RFC822" NIL NIL NIL "7BIT" 22 (NIL "inner"', b'"MIXED" ("BOUNDARY" "b1") NIL NIL NIL)')
holds(ok(imap.fetch("1", "(BODY[2.HEADER.FIELDS (SUBJECT)] BODY.PEEK[1.MIME]<0.12> BODY[2.1])")),
      b"BODY[2.HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: inner\r\n\r\n", b"BODY[1.MIME]<0> {12}\r\nContent-Type", b"BODY[2.1] {4}\r\nbody")
assert ok(imap.fetch("1", "RFC822"))[0][1] == MESSAGE
holds(ok(imap.fetch("2", "(RFC822.TEXT)")), rb"\Seen")
assert ok(imap.uid("FETCH", "7:9", "(FLAGS)")) == [None]
bad(imap.fetch, "3", "(FLAGS)")
bad(imap.fetch, "1", "(BINARY[1])")

# SEARCH.
for keys, found in [
    (("ALL",), b"1 2"),
    (("CHARSET", "UTF-8", "SUBJECT", '"caf\u00e9"'.encode()), b"1"),
    (("UNKEYWORD", "custom"), b"2"),
    (("OR", "(KEYWORD", "custom)", "SUBJECT", "two"), b"1 2"),
    (("NOT", "(1", "2)"), b"1 2"),
    (("2:*", "UNDELETED"), b"2"),
    (("SENTBEFORE", "2-Jan-2024"), b"1"),
    (("SINCE", "1-Feb-2024", "BEFORE", "2-Feb-2024"), b"1"),
    (("HEADER", "Content-Type", "mixed"), b"1"),
    (("BODY", "inner"), b""),
    (("TEXT", "inner"), b"1"),
]:
    assert ok(imap.search(None, *keys)) == [found], keys
imap.literal = "CAFÉ".encode()
assert ok(imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")) == [b"1"]
no(imap.search("ISO-8859-1", "ALL"), b"[BADCHARSET")

# STORE, COPY, MOVE, EXPUNGE.
holds(ok(imap.store("1", "+FLAGS", r"\Deleted")), rb"\Deleted")
assert ok(imap.store("1:2", "FLAGS.SILENT", r"(\Seen)")) == [None]
holds(ok(imap.copy("1:2", "Archive")), b"[COPYUID 6 1:2 1:2]")
no(imap.copy("1", "Nowhere"), b"[TRYCREATE]")
ok(imap.uid("MOVE", "2", "Archive"))
assert imap.response("COPYUID")[1][-1] == b"6 2 3"
assert imap.response("EXPUNGE")[1] == [b"2"]
holds(ok(imap.status("Archive", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")), b"MESSAGES 3 UIDNEXT 4 UIDVALIDITY 6 UNSEEN 0")

# Folders.
ok(imap.create('"A/B C"'))
holds(ok(imap.list('""', "A%")), rb'(\HasChildren) "/" "A"')
no(imap.rename("A", "A/x/y"), b"[CANNOT]")
ok(imap.rename('"A/B C"', "Entw&APw-rfe"))
no(imap.delete("INBOX"), b"[CANNOT]")
ok(imap.delete("A"))
bad(imap.create, '"&"')
assert ok(imap.rename("INBOX", "Saved")) == [b"RENAME completed"]
assert imap.response("EXPUNGE")[1] == [b"1"]
assert ok(imap.select("Saved", readonly=True)) == [b"1"]
no(imap.store("1", "FLAGS", r"(\Flagged)"), b"[READ-ONLY]")
ok(imap.select("Saved"))
ok(imap.store("1", "+FLAGS.SILENT", r"(\Deleted)"))
ok(imap.close())
holds(ok(imap.status("Saved", "(MESSAGES)")), b"MESSAGES 0")
bad(imap.xatom, "FROBNICATE")
assert imap.logout()[0] == "BYE"
print("done")

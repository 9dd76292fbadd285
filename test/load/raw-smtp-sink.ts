// A bare smtp-server that reads every message and throws it away: what the library alone can take. Prints its port.
import { SMTPServer } from "smtp-server";

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  logger: false,
  maxClients: 10_000,
  onData(stream, _session, done) {
    stream.resume();
    stream.on("end", () => done());
  },
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.server.address() as { port: number };
  process.stdout.write(`${port}\n`);
});

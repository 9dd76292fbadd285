import { type Logger as PinoLogger, pino } from "pino";

/** A structured logger: JSON lines on stderr. Never given secrets; addresses only at debug. */
export type Logger = Pick<PinoLogger, "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "child">;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** Creates the process's logger on stderr (stdout carries only what a command was asked for). */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ["password", "token", "secret", "*.password", "*.token", "*.secret"], censor: "[redacted]" },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

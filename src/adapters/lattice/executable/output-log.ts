import type { Readable } from "node:stream";
import { setTimeout } from "node:timers";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { RateLimit } from "../../../lib/rate-limit.ts";

export interface OutputLogOptions {
  /** Texts that do not belong in a log, such as what the process was told to log in with. */
  readonly secrets: readonly string[];
  readonly log: Logger;
  readonly clock: Clock;
}

/** The output of a process, line by line in our log. */
export interface OutputLog {
  /** Reads `stream` to its end. */
  follow(stream: Readable, name: "stdout" | "stderr"): void;
  /** The last lines, for the reason why a process ended. */
  summary(): string;
}

const MAX_LINE = 4096;
const LINES_KEPT = 4;
const LINES = { burst: 200, perSecond: 50 };
/** A process that writes faster waits: reading its output must not take a core. */
const BYTES_PER_SECOND = 1024 * 1024;

// oxlint-disable-next-line no-control-regex -- escape sequences for terminals, and control characters, are what goes
const UNPRINTABLE = /\u001b\[[0-?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function createOutputLog({ secrets, log, clock }: OutputLogOptions): OutputLog {
  const limit = new RateLimit(LINES);
  const last: string[] = [];

  function take(raw: string, stream: string): void {
    const told = secrets.reduce((text, secret) => text.replaceAll(secret, "***"), raw);
    const text = told.slice(0, MAX_LINE).replace(UNPRINTABLE, "").trimEnd();
    if (text === "") return;
    last.push(text);
    if (last.length > LINES_KEPT) last.shift();
    const suppressed = limit.take(clock.monotonic());
    if (suppressed === undefined) return;
    log.info("Provider says", { stream, text, ...(suppressed === 0 ? {} : { suppressed }) });
  }

  return {
    follow(stream, name) {
      let rest = "";
      /** The rest of a line that was too long is left out. */
      let skipping = false;
      let windowStart = clock.monotonic();
      let bytes = 0;
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (!skipping) take(line, name);
          skipping = false;
        }
        if (rest.length > MAX_LINE) {
          if (!skipping) take(rest, name);
          skipping = true;
          rest = "";
        }
        const now = clock.monotonic();
        if (now - windowStart > 1000) [windowStart, bytes] = [now, 0];
        bytes += chunk.length;
        if (bytes < BYTES_PER_SECOND) return;
        stream.pause();
        setTimeout(() => stream.resume(), 1000 - (now - windowStart)).unref();
      });
      stream.on("end", () => {
        if (!skipping) take(rest, name);
      });
      stream.on("error", () => {});
    },
    summary: () => (last.length === 0 ? "it said nothing" : last.join("; ")),
  };
}

import { Readable } from "node:stream";
import { once } from "node:events";
import { test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { silentLogger, type Logger } from "../../../lib/log.ts";
import { createOutputLog } from "./output-log.ts";

test("createOutputLog() keeps secrets and control characters out, and the last lines for later", async ({ expect }) => {
  const lines: unknown[] = [];
  const log: Logger = { ...silentLogger, info: (_message, fields) => void lines.push(fields?.["text"]) };
  const output = createOutputLog({ secrets: ["SUABC", "a.jwt"], log, clock: systemClock });
  const stream = Readable.from([
    Buffer.from("logs in with SUA"),
    Buffer.from("BC and a.jwt\n\u001b[31mred\u001b[0m\u0007\n\nend"),
  ]);
  output.follow(stream, "stderr");
  await once(stream, "end");
  expect(lines).toEqual(["logs in with *** and ***", "red", "end"]);
  expect(output.summary()).toBe("logs in with *** and ***; red; end");
});

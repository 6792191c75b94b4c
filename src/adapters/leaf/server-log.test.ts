import { describe, test } from "vitest";
import { silentLogger, type LogFields, type Logger } from "../../lib/log.ts";
import { createServerLog } from "./server-log.ts";
import { parsePorts } from "./server-process.ts";

function recorder(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const record =
    (level: string) =>
    (_message: string, fields?: LogFields): void =>
      void lines.push(`${level} ${String(fields?.["text"])}`);
  return { lines, log: { ...silentLogger, debug: record("debug"), info: record("info"), warn: record("warn") } };
}

describe("createServerLog()", () => {
  test("maps levels, joins chunks and hides passwords in URLs", ({ expect }) => {
    const { log, lines } = recorder();
    const output = createServerLog(log);
    output.push("[12] [INF] Server is ready\n[12] 2026/01/02 03:04:05.678901 [ERR] Error trying");
    output.push(" to connect to nats-leaf://user:secret@hub:7422\n[12] [WRN] careful\n");
    expect(lines).toEqual([
      "debug Server is ready",
      "warn Error trying to connect to nats-leaf://***@hub:7422",
      "info careful",
    ]);
  });

  test("keeps the last complaint until the link is there", ({ expect }) => {
    const output = createServerLog(recorder().log);
    expect(output.linkProblem()).toBeUndefined();
    output.push("[1] [ERR] 10.0.0.1:7422 - lid:6 - Leafnode Error 'Authorization Violation'\n[1] [INF] going on\n");
    expect(output.linkProblem()).toBe("Leafnode Error 'Authorization Violation'");
    output.push("[1] [INF] 10.0.0.1:7422 - lid:7 - Leafnode connection created for account: $G\n");
    expect(output.linkProblem()).toBeUndefined();
  });

  test("tells why a connection was closed when nothing else was said, and nothing of local clients", ({ expect }) => {
    const output = createServerLog(recorder().log);
    output.push('[1] [ERR] 127.0.0.1:5 - cid:8 - "app" - Publish Violation - Subject "$JS.API.INFO"\n');
    expect(output.linkProblem()).toBeUndefined();
    output.push("[1] [INF] 10.0.0.1:7422 - lid:7 - Leafnode connection created for account: UPLINK\n");
    output.push("[1] [INF] 10.0.0.1:7422 - lid:7 - Leafnode connection closed: Read Error account: UPLINK\n");
    expect(output.linkProblem()).toBe("the connection was closed: Read Error");
    output.push("[1] [ERR] 10.0.0.1:7422 - lid:8 - Leafnode Error 'User Authentication Expired'\n");
    output.push("[1] [INF] 10.0.0.1:7422 - lid:8 - Leafnode connection closed: Authentication Expired\n");
    expect(output.linkProblem()).toBe("Leafnode Error 'User Authentication Expired'");
  });

  test("counts how often the configuration was taken up, and how often it was not", ({ expect }) => {
    const output = createServerLog(recorder().log);
    output.push("[1] [INF] Reloaded server configuration (sha256:1)\n[1] [INF] Reloaded: accounts\n");
    output.push("[1] [ERR] Failed to reload server configuration: no\n");
    expect(output.reloads()).toEqual({ done: 1, refused: 1 });
  });

  test("sums up errors first, else the last lines, else that there were none", ({ expect }) => {
    const { log } = recorder();
    const output = createServerLog(log);
    expect(output.summary()).toBe("it said nothing");
    output.push("nats-server: bad.conf:1:2: parse error\n");
    expect(output.summary()).toBe("nats-server: bad.conf:1:2: parse error");
    output.push("[1] [INF] fine\n[1] [FTL] address already in use\n");
    expect(output.summary()).toBe("address already in use");
  });
});

test("parsePorts() reads the ports of a complete file and nothing else", ({ expect }) => {
  const text = '{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://[::1]:8222"]}';
  expect(parsePorts(text)).toEqual({ client: 4222, monitor: 8222 });
  for (const other of ["", text.slice(0, -3), "{}", "null", '{"nats":"x","monitoring":[]}']) {
    expect(parsePorts(other), other).toBeUndefined();
  }
});

// Contract: petiole top on a real pseudo-terminal draws a screen of the terminal's size, draws it anew when that changes,
// ends with `q`, and leaves the terminal as it was.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "vitest";
import { openControlServer, type ControlHandlers } from "../../src/adapters/control/server.ts";
import type { AgentStatus } from "../../src/domain/status.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { PETIOLE } from "../support/agent.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";

/** Plays the person at the terminal, and prints what the command wrote and how it ended. */
const PERSON = `
import base64, fcntl, json, os, pty, struct, sys, termios

child, master = pty.fork()
if child == 0:
    os.environ["TERM"] = "vt100"
    # The size of a terminal is there before its program is.
    sys.stdin.readline()
    os.execvp(sys.argv[1], sys.argv[1:])
written = b""

def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

def until(text):
    global written
    start = len(written)
    while text not in written[start:]:
        written += os.read(master, 65536)

resize(12, 60)
os.write(master, b"\\n")
until(b"\\x1b[12;1Hq quits")
resize(20, 70)
until(b"\\x1b[20;1Hq quits")
os.write(master, b"q")
try:
    while True:
        chunk = os.read(master, 65536)
        if not chunk: break
        written += chunk
except OSError:
    pass
status = os.waitpid(child, 0)[1]
print(json.dumps({"written": base64.b64encode(written).decode(), "code": os.waitstatus_to_exitcode(status)}))
`;

const mayNot = skipping(
  spawnSync("python3", ["--version"]).status !== 0,
  "petiole top on a terminal",
  "found no python3",
);

// As much of a status as is shown.
const STATUS = {
  device: "gw-1",
  version: "1.0.0",
  pid: 7,
  state: "running",
  uptime: 50,
  rss: 90 * 1024 ** 2,
  notices: [],
  hub: { link: "disabled" },
  clock: { state: "synced" },
  components: [],
  providers: [],
  links: [],
  outbox: { bytes: 0, cap: 1024, lanes: [] },
  inbox: { waiting: 0 },
} as unknown as AgentStatus;

describe.skipIf(mayNot)("petiole top", () => {
  test("draws, follows the size of the terminal, and quits", async ({ expect }) => {
    await using folder = await tempFolder();
    const path = join(folder.path, "petiole.sock");
    const handlers = { status: async () => STATUS, metrics: async () => [] } as unknown as ControlHandlers;
    await using _server = await openControlServer({ path, handlers, log: silentLogger });
    await using person = await spawnProcess("python3", ["-c", PERSON, PETIOLE, "top", "--socket", path]);
    await person.exited;
    const { written, code } = JSON.parse(person.output()) as { written: string; code: number };
    const text = Buffer.from(written, "base64").toString();
    expect(code).toBe(0);
    expect(text).toContain("\u001b[?1049h\u001b[?25l");
    expect(text).toContain("gw-1: petiole 1.0.0, running, up 50 s, no hub");
    // Once at the start, and once for the other size.
    expect(text.split("\u001b[2J").length).toBeGreaterThanOrEqual(3);
    expect(text.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
  });
});

// Pins the control socket of the simulated chip: what a demo or a test outside of the process presses buttons with.

import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "vitest";
import { createGpioProvider } from "../../../providers/gpio/index.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { spawnProcess } from "../../support/processes.ts";
import { startProvider, type Rig } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

interface Outside extends AsyncDisposable {
  readonly said: Mailbox<string>;
  say(line: string): void;
}

async function connectOutside(path: string): Promise<Outside> {
  const socket = connect(path);
  const said = createMailbox<string>();
  createInterface({ input: socket }).on("line", (line) => said.put(line));
  await once(socket, "connect");
  return {
    said,
    say: (line) => void socket.write(`${line}\n`),
    async [Symbol.asyncDispose]() {
      if (socket.closed) return;
      const closed = once(socket, "close");
      socket.destroy();
      await closed;
    },
  };
}

async function start(folder: string): Promise<Rig & { readonly path: string }> {
  const path = join(folder, "chip.sock");
  const rig = await startProvider(createGpioProvider, {
    chip: { backend: "simulated", lines: 28, control_socket: path },
    lines: {
      button: { line: 17, direction: "input", edges: "both", debounce: "2ms" },
      lamp: { line: 27, direction: "output" },
    },
  });
  return { ...rig, path };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-gpio-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("control socket of the simulated chip", () => {
  test("a button pressed outside switches a lamp that is seen outside", async ({ expect }) => {
    await inFolder(async (folder) => {
      await using rig = await start(folder);
      await using lines = await rig.bind({ config: { lines: { lamp: "write" } } });
      await using _link = await rig.bind({
        config: { lines: { button: "read" } },
        handler: async (_name, args) => {
          const { events } = args[0] as { events: { edge: string }[] };
          for (const { edge } of events) {
            await lines.call("petiole:gpio/lines", "set", "lamp", edge === "rising" ? "active" : "inactive");
          }
        },
      });
      await using outside = await connectOutside(rig.path);
      outside.say("watch");
      outside.say("set 17 1");
      await outside.said.find((line) => line === "change 27 1");
      outside.say("get 27");
      await outside.said.find((line) => line === "value 27 1");
      outside.say("pulse 17 20");
      await outside.said.find((line) => line === "change 27 0");
      expect(outside.said.all.filter((line) => line === "ok").length).toBe(3);
    });
  });

  test("wrong commands are answered with what is wrong, and the connection goes on", async ({ expect }) => {
    await inFolder(async (folder) => {
      await using rig = await start(folder);
      await using outside = await connectOutside(rig.path);
      for (const line of ["set 17", "set x 1", "set 27 1", "get 99", "jump", "release 17", "get 17"]) outside.say(line);
      expect(await outside.said.waitFor(7)).toEqual([
        "error want: set <line> <0|1>",
        "error want: set <line> <0|1>",
        "error line 27 is an output",
        "error no line 99, the chip has 28",
        "error want: set, release, get, pulse, plug, unplug or watch",
        "ok",
        "value 17 0",
      ]);
    });
  });

  test("a socket that was left behind is replaced, a file is not, and nothing stays at the end", async ({ expect }) => {
    await inFolder(async (folder) => {
      const path = join(folder, "chip.sock");
      const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
      await using killed = await spawnProcess(process.execPath, ["-e", script]);
      await waitFor("the socket to be left behind", () => killed.output().includes("up"));
      killed.signal("SIGKILL");
      await killed.exited;
      expect(await readdir(folder)).toEqual(["chip.sock"]);
      const rig = await start(folder);
      await using outside = await connectOutside(path);
      outside.say("get 17");
      expect(await outside.said.waitFor(1)).toEqual(["value 17 0"]);
      await rig[Symbol.asyncDispose]();
      expect(await readdir(folder)).toEqual([]);
      await writeFile(path, "precious");
      await expect(start(folder)).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
      expect(await readdir(folder)).toEqual(["chip.sock"]);
    });
  });
});

// The serial suite on a pseudo-terminal, and the provider on two UARTs with a cable between them, which PETIOLE_TEST_UARTS names: /dev/ttyS0,/dev/ttyS1. Also a
// program that needs Node and nothing else, as test/device/gpio.ts is.

import { once } from "node:events";
import { readdirSync, realpathSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { SerialPort } from "serialport";
import { describe, test } from "vitest";
import { createSerialProvider } from "../../providers/serial/index.ts";
import { serialSuite } from "../conformance/serial/suite.ts";
import { createMailbox, type Mailbox } from "../support/mailbox.ts";
import { bindLink, startProvider, type BoundLink, type Rig } from "../support/provider-rig.ts";
import { startOnPty } from "../support/serial-rigs.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const PORT = "petiole:serial/port";
const BAUD = 115_200;
/** How often the driver is taken from the device. */
const ROUNDS = 20;

interface Frame {
  readonly payload: Uint8Array;
  readonly sequence: bigint;
  readonly lost: bigint;
}

interface Cable extends AsyncDisposable {
  readonly rig: Rig;
  readonly frames: Mailbox<Frame>;
  readonly presence: Mailbox<boolean>;
  /** What the component calls. */
  readonly port: BoundLink;
  send(text: string): Promise<void>;
  /** What has arrived at the far end. */
  received(): string;
}

async function connect(near: string, far: string): Promise<Cable> {
  await using stack = new AsyncDisposableStack();
  const end = new SerialPort({ path: far, baudRate: BAUD, autoOpen: false });
  let text = "";
  end.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const opened = once(end, "open");
  end.open();
  await opened;
  stack.defer(async () => {
    const closed = once(end, "close");
    end.close();
    await closed;
  });
  const ports = { line: { path: near, baud_rate: BAUD, reopen: { initial: "10ms", max: "100ms" } } };
  const rig = stack.use(await startProvider(createSerialProvider, { ports }));
  const frames = createMailbox<Frame>();
  const presence = createMailbox<boolean>();
  stack.use(
    await bindLink(rig.provider, {
      config: { ports: ["line"] },
      handler: (name, args) => {
        if (name === "handle-frame") frames.put(args[0] as Frame);
        else presence.put(args[1] as boolean);
      },
    }),
  );
  const port = stack.use(await bindLink(rig.provider, { config: { ports: ["line"], write: true } }));
  await presence.waitFor(1);
  const connected = stack.move();
  return {
    rig,
    frames,
    presence,
    port,
    send: async (message) => {
      const drained = new Promise<void>((resolve) => end.write(message, "latin1", () => end.drain(() => resolve())));
      await drained;
    },
    received: () => text,
    [Symbol.asyncDispose]: async () => await connected.disposeAsync(),
  };
}

/** The driver of the port, which can be taken from its device. */
function driverOf(path: string): { unbind(): void; bind(): void } {
  const device = realpathSync(`/sys/class/tty/${basename(path)}/device`);
  const driver = realpathSync(`${device}/driver`);
  return {
    unbind: () => writeFileSync(`${driver}/unbind`, basename(device)),
    bind: () => writeFileSync(`${driver}/bind`, basename(device)),
  };
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

function uartSuite(near: string, far: string): void {
  describe(`petiole:serial on ${near}, cabled to ${far}`, () => {
    test("frames come and go, in order and whole", async ({ expect }) => {
      await using cable = await connect(near, far);
      const lines = Array.from({ length: 200 }, (_, index) => `${index} `.padEnd(40, "x"));
      await cable.send(lines.map((line) => `${line}\n`).join(""));
      await cable.frames.waitFor(lines.length);
      expect(cable.frames.all.map(({ payload }) => Buffer.from(payload).toString())).toEqual(lines);
      expect(cable.frames.all.map(({ sequence, lost }) => [sequence, lost])).toEqual(
        lines.map((_, index) => [BigInt(index + 1), 0n]),
      );
      for (const line of lines) await cable.port.call(PORT, "send-frame", "line", Buffer.from(line));
      await cable.port.call(PORT, "drain", "line");
      const wanted = lines.map((line) => `${line}\n`).join("");
      await waitFor("the far end to have all", () => cable.received().length >= wanted.length);
      expect(cable.received()).toBe(wanted);
    });

    test("an exchange gets the answer of the far end", async ({ expect }) => {
      await using cable = await connect(near, far);
      const answer = cable.port.call(PORT, "exchange", "line", Buffer.from("t?"), 20_000_000_000n);
      await waitFor("the question", () => cable.received() === "t?\n");
      await cable.send("t=21.5\n");
      expect(Buffer.from((await answer) as Uint8Array).toString()).toBe("t=21.5");
    });

    test("a UART has signals", async ({ expect }) => {
      await using cable = await connect(near, far);
      expect(Object.keys((await cable.port.call(PORT, "get-signals", "line")) as object)).toHaveLength(4);
    });

    test(`comes back when its driver does, ${ROUNDS} times, with no descriptor left behind`, async ({ expect }) => {
      await using cable = await connect(near, far);
      const driver = driverOf(near);
      const before = descriptors();
      for (let round = 1; round <= ROUNDS; round += 1) {
        await cable.send("cut off");
        driver.unbind();
        await cable.presence.waitFor(2 * round);
        await expect(cable.port.call(PORT, "send-frame", "line", Buffer.from("x"))).rejects.toMatchObject({
          payload: { tag: "disconnected" },
        });
        driver.bind();
        await cable.presence.waitFor(2 * round + 1);
        await cable.send(`${round}\n`);
        await cable.frames.find(({ payload }) => Buffer.from(payload).toString().endsWith(`${round}`));
      }
      expect(cable.presence.all.at(-1)).toBe(true);
      expect(descriptors()).toBeLessThanOrEqual(before);
    });
  });
}

serialSuite({ name: "a pseudo-terminal", create: startOnPty });

const [near, far] = (process.env["PETIOLE_TEST_UARTS"] ?? "").split(",");
if (!skipping(far === undefined, "UARTs", "PETIOLE_TEST_UARTS names no two of them, such as /dev/ttyS0,/dev/ttyS1")) {
  uartSuite(near ?? "", far ?? "");
}

// What a component may rely on from `petiole:serial`, whatever the port is made of.

import { describe, test } from "vitest";
import type { Provider } from "../../../src/provider/contract.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { waitFor } from "../../support/wait-for.ts";
import { bindLink, type BoundLink } from "../../support/provider-rig.ts";

const PORT = "petiole:serial/port";
const RAW = "petiole:serial/raw";

interface Frame {
  readonly label: string;
  readonly payload: Uint8Array;
  readonly timestamp: bigint;
  readonly sequence: bigint;
  readonly lost: bigint;
  readonly faults: Readonly<Record<string, boolean>>;
}

/** A started provider with one port, labelled `boiler`, that ends frames with a line feed at 32 bytes at most. */
export interface SerialRig extends AsyncDisposable {
  readonly provider: Provider;
  /** The far end of the cable. */
  write(bytes: string | Uint8Array): void;
  read(length: number): Promise<Buffer>;
  /** The far end stops taking bytes, or goes on. */
  stall(stalled: boolean): void;
  plug(): void;
  unplug(): Promise<void>;
}

interface Handler {
  readonly frames: Mailbox<Frame>;
  readonly presence: Mailbox<readonly unknown[]>;
  readonly link: BoundLink;
}

async function handle(rig: SerialRig, config: object = {}, before?: (frame: Frame) => Promise<void>): Promise<Handler> {
  const frames = createMailbox<Frame>();
  const presence = createMailbox<readonly unknown[]>();
  const link = await bindLink(rig.provider, {
    config: { ports: ["boiler"], ...config },
    handler: async (name, args) => {
      if (name === "handle-presence") return presence.put(args);
      const frame = args[0] as Frame;
      await before?.(frame);
      frames.put(frame);
    },
  });
  return { frames, presence, link };
}

const text = (frames: readonly Frame[]): string[] => frames.map(({ payload }) => Buffer.from(payload).toString());

export function serialSuite(subject: { readonly name: string; create(options?: object): Promise<SerialRig> }): void {
  describe(`petiole:serial on ${subject.name}`, () => {
    test("handle-presence tells of a device that is there", async ({ expect }) => {
      await using rig = await subject.create();
      const { presence, link } = await handle(rig);
      await using _link = link;
      expect(await presence.waitFor(1)).toEqual([["boiler", true]]);
    });

    test("handle-frame gets frames in order with sequence, time and no faults", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await presence.waitFor(1);
      const before = process.hrtime.bigint();
      rig.write("t=1\r\nt=");
      rig.write("2\n");
      const [first, second] = await frames.waitFor(2);
      expect(text(frames.all)).toEqual(["t=1", "t=2"]);
      expect(first).toMatchObject({ label: "boiler", sequence: 1n, lost: 0n });
      expect(second).toMatchObject({ sequence: 2n, lost: 0n });
      expect(first?.faults).toEqual({ break: false, framing: false, parity: false, overrun: false });
      expect(first?.timestamp).toBeGreaterThan(before);
      expect(second?.timestamp).toBeLessThan(process.hrtime.bigint());
    });

    test("handle-frame is told of a frame that was too long", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await presence.waitFor(1);
      rig.write(`ok\n${"x".repeat(100)}\nstill ok\n`);
      await frames.waitFor(2);
      expect(text(frames.all)).toEqual(["ok", "still ok"]);
      expect(frames.all.map(({ sequence, lost }) => [sequence, lost])).toEqual([
        [1n, 0n],
        [3n, 1n],
      ]);
    });

    test("handle-frame runs one at a time, and a full queue drops the oldest and counts", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      let running = 0;
      const { frames, presence, link } = await handle(rig, { queue: 2 }, async () => {
        running += 1;
        expect(running).toBe(1);
        entered.resolve();
        await gate.promise;
        running -= 1;
      });
      await using _link = link;
      await presence.waitFor(1);
      // A second component sees how far the port is.
      const witness = await handle(rig);
      await using _witness = witness.link;
      rig.write("1\n");
      await entered.promise;
      rig.write("2\n3\n4\n5\n");
      await witness.frames.waitFor(5);
      gate.resolve();
      await frames.waitFor(3);
      expect(text(frames.all)).toEqual(["1", "4", "5"]);
      expect(frames.all.map(({ sequence, lost }) => [sequence, lost])).toEqual([
        [1n, 0n],
        [4n, 2n],
        [5n, 0n],
      ]);
      expect(text(witness.frames.all)).toEqual(["1", "2", "3", "4", "5"]);
    });

    test("handle-frame goes on after the component failed on a frame", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig, {}, async ({ sequence }) => {
        if (sequence === 1n) throw new Error("trap");
      });
      await using _link = link;
      await presence.waitFor(1);
      rig.write("1\n2\n");
      await frames.waitFor(1);
      expect(text(frames.all)).toEqual(["2"]);
    });

    test("unplugging drops and counts the part of a frame, and the port comes back by itself", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await presence.waitFor(1);
      rig.write("1\ncut");
      await frames.waitFor(1);
      await rig.unplug();
      await presence.waitFor(2);
      rig.plug();
      await presence.waitFor(3);
      rig.write("2\n");
      await frames.waitFor(2);
      expect(presence.all.map(([, present]) => present)).toEqual([true, false, true]);
      expect(text(frames.all)).toEqual(["1", "2"]);
      expect(frames.all[1]).toMatchObject({ sequence: 3n, lost: 1n });
    });

    test("list-ports names the granted ports and whether they are there", async ({ expect }) => {
      await using rig = await subject.create();
      const { presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"] } });
      await presence.waitFor(1);
      expect(await port.call(PORT, "list-ports")).toEqual([["boiler", true]]);
      await rig.unplug();
      await presence.waitFor(2);
      expect(await port.call(PORT, "list-ports")).toEqual([["boiler", false]]);
    });

    test("send-frame adds the delimiter, send-raw adds nothing, drain waits", async ({ expect }) => {
      await using rig = await subject.create();
      const { presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
      await presence.waitFor(1);
      await port.call(PORT, "send-frame", "boiler", Buffer.from("on"));
      await port.call(PORT, "send-raw", "boiler", new Uint8Array([0, 255, 13]));
      await port.call(PORT, "drain", "boiler");
      expect(await rig.read(6)).toEqual(Buffer.from([0x6f, 0x6e, 0x0a, 0, 255, 13]));
    });

    const special = Uint8Array.from([0, 0xc0, 0xdb, 0x0a, 1, 0]);
    test.for([
      [{ type: "delimiter", delimiter: "::" }, 8],
      [{ type: "slip" }, 10],
      [{ type: "cobs" }, 8],
      [{ type: "length" }, 7],
      [{ type: "length", start: "\xaa\x55", length_size: 4, byte_order: "little", adjust: -4, offset: 2 }, 12],
      [{ type: "gap", gap: "5ms" }, 6],
      [{ type: "raw" }, 6],
    ] as const)(
      "framing %j: what send-frame sends is one frame when it comes back",
      async ([framing, size], { expect }) => {
        await using rig = await subject.create({ framing });
        const { frames, presence, link } = await handle(rig);
        await using _link = link;
        await using port = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
        await presence.waitFor(1);
        for (const count of [1, 2]) {
          await port.call(PORT, "send-frame", "boiler", special);
          rig.write(await rig.read(size));
          await frames.waitFor(count);
        }
        expect(frames.all.map(({ payload }) => payload)).toEqual([special, special]);
      },
    );

    test("exchange takes the next frame, one exchange after another", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
      await presence.waitFor(1);
      const minute = 60_000_000_000n;
      const first = port.call(PORT, "exchange", "boiler", Buffer.from("a?"), minute);
      const second = port.call(PORT, "exchange", "boiler", Buffer.from("b?"), minute);
      expect((await rig.read(3)).toString()).toBe("a?\n");
      rig.write("a!\n");
      expect(await first).toEqual(new Uint8Array(Buffer.from("a!")));
      expect((await rig.read(3)).toString()).toBe("b?\n");
      rig.write("b!\nlater\n");
      expect(await second).toEqual(new Uint8Array(Buffer.from("b!")));
      await frames.waitFor(1);
      expect(text(frames.all)).toEqual(["later"]);
      await expect(port.call(PORT, "exchange", "boiler", Buffer.from("c?"), 1n)).rejects.toMatchObject({
        payload: { tag: "timeout" },
      });
      const third = port.call(PORT, "exchange", "boiler", Buffer.from("d?"), minute);
      third.catch(() => {});
      await rig.read(6);
      await rig.unplug();
      await expect(third).rejects.toMatchObject({ payload: { tag: "disconnected" } });
    });

    test("raw reads what came, counts what nobody took, and waits", async ({ expect }) => {
      await using rig = await subject.create();
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, {
        config: { ports: ["boiler"], write: true, read_buffer: "8B" },
      });
      await presence.waitFor(1);
      const read = async (max: number, timeout = 0n) =>
        (await port.call(RAW, "read", "boiler", max, timeout)) as { bytes: Uint8Array; lost: bigint };
      expect(await read(10)).toEqual({ bytes: new Uint8Array(0), lost: 0n });
      rig.write("0123456789abc\n");
      await frames.waitFor(1);
      expect(await read(3)).toEqual({ bytes: new Uint8Array(Buffer.from("678")), lost: 6n });
      expect(await read(10)).toEqual({ bytes: new Uint8Array(Buffer.from("9abc\n")), lost: 0n });
      const waiting = read(10, 60_000_000_000n);
      await expect(read(10)).rejects.toMatchObject({ payload: { tag: "busy" } });
      rig.write("x");
      expect((await waiting).bytes).toEqual(new Uint8Array(Buffer.from("x")));
      await port.call(RAW, "write", "boiler", Buffer.from("raw"));
      expect((await rig.read(3)).toString()).toBe("raw");
      await rig.unplug();
      await presence.waitFor(2);
      await expect(read(10, 60_000_000_000n)).rejects.toMatchObject({ payload: { tag: "disconnected" } });
    });

    test("a line that takes nothing ends a writing with timeout, and the next goes through when it does", async ({
      expect,
    }) => {
      await using rig = await subject.create({ write_timeout: "50ms" });
      const { presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
      await presence.waitFor(1);
      rig.stall(true);
      const fill = async (): Promise<void> => {
        // The kernel's buffers take some first.
        for (let i = 0; i < 1000; i += 1) await port.call(PORT, "send-raw", "boiler", Buffer.alloc(1000, "f"));
      };
      await expect(fill()).rejects.toMatchObject({ payload: { tag: "timeout" } });
      expect(await port.call(PORT, "list-ports")).toEqual([["boiler", true]]);
      rig.stall(false);
      await rig.read(1);
      await waitFor("the line to take bytes again", async () => {
        await port.call(PORT, "send-frame", "boiler", Buffer.from("ok"));
        return true;
      });
      let tail = "";
      while (!tail.endsWith("ok\n")) tail += (await rig.read(1)).toString();
    });

    test("what comes in is read while a writing stalls, and after it has timed out", async ({ expect }) => {
      await using rig = await subject.create({ write_timeout: "1s" });
      const { frames, presence, link } = await handle(rig);
      await using _link = link;
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
      await presence.waitFor(1);
      rig.stall(true);
      const ended = new AbortController();
      const fill = async (): Promise<void> => {
        for (let i = 0; i < 1000; i += 1) await port.call(PORT, "send-raw", "boiler", Buffer.alloc(1000, "f"));
      };
      const filling = fill()
        .catch((error: unknown) => error)
        .finally(() => ended.abort());
      for (let count = 1; !ended.signal.aborted; count += 1) {
        rig.write(`${count}\n`);
        await frames.waitFor(count);
        // A cable in memory would leave no turn to timers.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(await filling).toMatchObject({ payload: { tag: "timeout" } });
      const before = frames.all.length;
      for (let count = 1; count <= 3; count += 1) {
        rig.write("after\n");
        await frames.waitFor(before + count);
      }
    });

    test("get-settings tells the line's settings", async ({ expect }) => {
      await using rig = await subject.create();
      await using port = await bindLink(rig.provider, { config: { ports: ["boiler"] } });
      expect(await port.call(PORT, "get-settings", "boiler")).toEqual({
        baudRate: 9600,
        dataBits: 8,
        parity: "none",
        stopBits: "one",
        flowControl: "none",
      });
    });

    test("port functions fail with the interface's errors", async ({ expect }) => {
      await using rig = await subject.create();
      const { presence, link } = await handle(rig);
      await using _link = link;
      await using reader = await bindLink(rig.provider, { config: { ports: ["boiler"] } });
      await using writer = await bindLink(rig.provider, { config: { ports: ["boiler"], write: true } });
      const error = (tag: string): object => ({ payload: { tag } });
      const frame = Buffer.from("x");
      await expect(reader.call(PORT, "send-frame", "boiler", frame)).rejects.toMatchObject(error("not-permitted"));
      await expect(reader.call(PORT, "get-settings", "other")).rejects.toMatchObject(error("not-granted"));
      await expect(writer.call(PORT, "send-raw", "other", frame)).rejects.toMatchObject(error("not-granted"));
      await expect(writer.call(PORT, "set-settings", "boiler", {})).rejects.toMatchObject(error("unsupported"));
      const withDelimiter = Buffer.from("a\nb");
      await expect(writer.call(PORT, "send-frame", "boiler", withDelimiter)).rejects.toMatchObject(
        error("invalid-argument"),
      );
      const tooMuch = Buffer.alloc(1025);
      await presence.waitFor(1);
      await expect(writer.call(PORT, "get-signals", "boiler")).rejects.toMatchObject(error("unsupported"));
      await expect(
        writer.call(PORT, "set-signals", "boiler", { break: true, requestToSend: true }),
      ).rejects.toMatchObject(error("unsupported"));
      await expect(writer.call(RAW, "read", "boiler", 0, 0n)).rejects.toMatchObject(error("invalid-argument"));
      await expect(reader.call(RAW, "write", "boiler", frame)).rejects.toMatchObject(error("not-permitted"));
      await expect(reader.call(PORT, "exchange", "boiler", frame, 1n)).rejects.toMatchObject(error("not-permitted"));
      await expect(writer.call(PORT, "send-raw", "boiler", tooMuch)).rejects.toMatchObject(error("queue-full"));
      await rig.unplug();
      await presence.waitFor(2);
      await expect(writer.call(PORT, "send-frame", "boiler", frame)).rejects.toMatchObject(error("disconnected"));
      await expect(writer.call(PORT, "drain", "boiler")).rejects.toMatchObject(error("disconnected"));
      await expect(writer.call(PORT, "exchange", "boiler", frame, 1n)).rejects.toMatchObject(error("disconnected"));
      await expect(writer.call(PORT, "get-signals", "boiler")).rejects.toMatchObject(error("disconnected"));
    });

    test("bind() refuses a port that is not there in the configuration", async ({ expect }) => {
      await using rig = await subject.create();
      await expect(bindLink(rig.provider, { config: { ports: ["kettle"] } })).rejects.toMatchObject({
        code: "ERR_LINK_INVALID",
      });
    });

    test("disposing a link waits for the call in flight and ends the deliveries", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const { frames, presence, link } = await handle(rig, {}, async () => {
        entered.resolve();
        await gate.promise;
      });
      const witness = await handle(rig);
      await using _witness = witness.link;
      await presence.waitFor(1);
      rig.write("1\n2\n");
      await entered.promise;
      let ended = false;
      const ending = link[Symbol.asyncDispose]().then(() => {
        ended = true;
      });
      await witness.frames.waitFor(2);
      expect(ended).toBe(false);
      gate.resolve();
      await ending;
      expect(text(frames.all)).toEqual(["1"]);
    });
  });
}

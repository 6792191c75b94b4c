import { createSocket } from "node:dgram";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { millis, seconds } from "../../domain/units.ts";
import { askChrony, encodeTrackingRequest, parseTrackingReply } from "./chrony.ts";
import { askWitnesses } from "./witnesses.ts";

/** Answer of a chronyd 4.3 that takes its own clock for a source, to the request 7. */
const ANSWER = Buffer.from(
  "060200000021000500000000000000000000000700000000000000007f7f0101000000000000000000000000000000000000000" +
    "0000a0000000000006b0a551e2e0b6a2e" +
    "00".repeat(36),
  "hex",
);
const WHEN = 0x6b0a551e * 1000 + 0x2e0b6a2e / 1e6;

const changed = (change: (packet: Buffer) => void): Buffer => {
  const packet = Buffer.from(ANSWER);
  // The address of a server, in place of its own clock.
  packet.writeUInt32BE(0xc0a80001, 28);
  change(packet);
  return packet;
};

describe("parseTrackingReply()", () => {
  test.for([
    ["of one that follows a server", changed(() => {}), WHEN],
    ["of one that takes its own clock for a source", ANSWER, undefined],
    ["of one without a source", changed((packet) => packet.writeUInt32BE(0, 28)), undefined],
    ["of one that is not synchronised", changed((packet) => packet.writeUInt16BE(3, 54)), undefined],
    ["of a 32-bit one", changed((packet) => packet.writeUInt32BE(0x7fffffff, 56)), WHEN],
    ["to another request", changed((packet) => packet.writeUInt32BE(8, 16)), undefined],
    ["that refuses", changed((packet) => packet.writeUInt16BE(2, 8)), undefined],
    ["of another version", changed((packet) => packet.writeUInt8(5, 0)), undefined],
    ["that is a request", encodeTrackingRequest(7), undefined],
    ["that was cut off", ANSWER.subarray(0, 103), undefined],
    ["of nothing", Buffer.alloc(0), undefined],
  ] as const)("reads the answer %s", ([, packet, found], { expect }) => {
    expect(parseTrackingReply(packet, 7)).toBe(found);
  });
});

/** Answers as chronyd does. */
async function startChrony(): Promise<{ readonly port: number } & AsyncDisposable> {
  const socket = createSocket("udp4");
  socket.on("message", (request, { port }) => {
    socket.send(
      changed((packet) => packet.writeUInt32BE(request.readUInt32BE(8), 16)),
      port,
      "127.0.0.1",
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => {
      socket.close(resolve);
      return promise;
    },
  };
}

describe("askWitnesses()", () => {
  test("finds nothing on a machine that has nothing", async ({ expect }) => {
    const chrony = await startChrony();
    const { port: chronyPort } = chrony;
    await chrony[Symbol.asyncDispose]();
    expect(
      await askWitnesses({ timesyncd: "/nowhere/flag", rtc: "/nowhere/rtc", chronyPort }, createFakeClock()),
    ).toEqual({
      timesyncd: undefined,
      chrony: undefined,
      rtc: undefined,
    });
    expect(await askChrony(seconds(5), chronyPort)).toBe(undefined);
  });

  test("finds the flag, chronyd and the clock that the kernel started from", async ({ expect }) => {
    await using chrony = await startChrony();
    const folder = await mkdtemp(join(tmpdir(), "petiole-clock-"));
    try {
      const timesyncd = join(folder, "synchronized");
      await writeFile(timesyncd, "");
      await utimes(timesyncd, 1_800_000_000, 1_800_000_000);
      const files = {
        "rtc0/hctosys": "0\n",
        "rtc0/since_epoch": "5\n",
        "rtc1/hctosys": "1\n",
        "rtc1/since_epoch": "90\n",
      };
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(folder, name, ".."), { recursive: true });
        await writeFile(join(folder, name), text);
      }
      const paths = { timesyncd, rtc: folder, chronyPort: chrony.port };
      expect(await askWitnesses(paths, createFakeClock())).toEqual({
        timesyncd: millis(1_800_000_000_000),
        chrony: WHEN,
        rtc: millis(89_000),
      });
      await writeFile(join(folder, "rtc1", "since_epoch"), "what time?\n".repeat(100_000));
      expect((await askWitnesses(paths, createFakeClock())).rtc).toBe(undefined);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

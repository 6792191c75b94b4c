import { describe, test } from "vitest";
import type { DeviceIo } from "#provider";
import { lineShape } from "./config.ts";
import { openingError } from "./errors.ts";
import { bytesToSend, driveSignals, packRs485, readSignals } from "./terminal.ts";

const rs485 = (raw: object) => {
  const config = lineShape.rs485.parse(raw);
  if (config === undefined) throw new Error("no configuration");
  return Buffer.from(packRs485(config)).toString("hex");
};

/** A terminal that is the numbers its driver keeps. */
function terminal(state: { modem: number; queued: number; brk: boolean }): DeviceIo {
  const refuse = (): never => {
    throw new Error("not used");
  };
  return {
    list: refuse,
    open: refuse,
    close: refuse,
    watch: refuse,
    ioctlLater: refuse,
    ioctl: (_fd, request, argument) => {
      const buffer =
        typeof argument === "number" ? Buffer.alloc(4) : Buffer.from(argument.buffer, argument.byteOffset, 4);
      if (request === 0x5411) buffer.writeInt32LE(state.queued);
      else if (request === 0x5415) buffer.writeInt32LE(state.modem);
      else if (request === 0x5418) state.modem = buffer.readInt32LE();
      else if (request === 0x5427 || request === 0x5428) state.brk = request === 0x5427;
      else throw Object.assign(new Error("Inappropriate ioctl"), { code: "ENOTTY" });
      return 0;
    },
  };
}

describe("packRs485()", () => {
  test("lays out the kernel's struct", ({ expect }) => {
    const rest = "00".repeat(20);
    expect(rs485({})).toBe(`030000000000000000000000${rest}`);
    expect(rs485({ rts_on_send: "low", delay_before: "1ms", delay_after: "2ms" })).toBe(
      `050000000100000002000000${rest}`,
    );
    expect(rs485({ receive_while_sending: true, terminate: true }).slice(0, 8)).toBe("33000000");
  });
});

describe("the signals of a terminal", () => {
  test("are read, and driven one by one", ({ expect }) => {
    const state = { modem: 0x002 | 0x020 | 0x080, queued: 7, brk: false };
    const io = terminal(state);
    expect(readSignals(io, 3)).toEqual({
      clearToSend: true,
      dataSetReady: false,
      dataCarrierDetect: false,
      ringIndicator: true,
    });
    driveSignals(io, 3, { dataTerminalReady: false, requestToSend: true, break: true });
    expect(state).toEqual({ modem: 0x004 | 0x020 | 0x080, queued: 7, brk: true });
    driveSignals(io, 3, { break: false });
    expect(state).toEqual({ modem: 0x004 | 0x020 | 0x080, queued: 7, brk: false });
    expect(bytesToSend(io, 3)).toBe(7);
  });
});

test.for([
  ["Error: No such file or directory, cannot open /dev/x", "ERR_DEVICE_MISSING"],
  ["Error: No such device or address, cannot open /dev/x", "ERR_DEVICE_MISSING"],
  ["Error: Permission denied, cannot open /dev/x", "ERR_DEVICE_DENIED"],
  ["Error Resource temporarily unavailable Cannot lock port", "ERR_DEVICE_BUSY"],
  ["Error: Input/output error, cannot open /dev/x", "ERR_DEVICE_FAILED"],
] as const)("openingError() makes of %j %s", ([text, code], { expect }) => {
  expect(openingError("/dev/x", new Error(text))).toMatchObject({ code });
});

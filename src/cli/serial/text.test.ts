import { describe, test } from "vitest";
import { formatFramed, formatPorts, framedToJson } from "./text.ts";

const NOW = new Date("2026-05-04T10:20:30.123Z");
const frame = (hex: string) => ({ kind: "frame" as const, payload: Buffer.from(hex, "hex") });

describe("formatPorts()", () => {
  test("shows each port, and below it the names that stay", ({ expect }) => {
    const usb = {
      vendorId: "0403",
      productId: "6001",
      manufacturer: "FTDI",
      product: undefined,
      serialNumber: "A1",
    };
    const ports = [
      { path: "/dev/ttyAMA0", links: ["/dev/serial0"], driver: "uart-pl011", usb: undefined },
      { path: "/dev/ttyUSB0", links: ["/dev/serial/by-id/a", "/dev/serial/by-path/b"], driver: "ftdi_sio", usb },
      { path: "/dev/ttyX0", links: [], driver: undefined, usb: undefined },
    ];
    expect(formatPorts(ports)).toBe(
      [
        "PORT          DRIVER      USB        DEVICE",
        "/dev/ttyAMA0  uart-pl011  -          -",
        "  /dev/serial0",
        "/dev/ttyUSB0  ftdi_sio    0403:6001  FTDI A1",
        "  /dev/serial/by-id/a",
        "  /dev/serial/by-path/b",
        "/dev/ttyX0    -           -          -",
      ].join("\n"),
    );
    expect(formatPorts([])).toBe("no serial ports");
  });
});

describe("formatFramed()", () => {
  test("prints text as text, everything else as bytes, and what was dropped", ({ expect }) => {
    expect(formatFramed(frame("743d32310963c2b0"), NOW, {})).toBe("10:20:30.123     8  t=21\tc°");
    expect(formatFramed(frame("743d"), NOW, { hex: true })).toBe("10:20:30.123     2  74 3d");
    expect(formatFramed(frame("1b5b"), NOW, {})).toBe("10:20:30.123     2  1b 5b");
    expect(formatFramed(frame("ff"), NOW, {})).toBe("10:20:30.123     1  ff");
    const dropped = { kind: "dropped" as const, bytes: 7, reason: "too-long" as const };
    expect(formatFramed(dropped, NOW, {})).toBe("10:20:30.123  dropped 7 bytes: too-long");
    expect(framedToJson(dropped, NOW)).toEqual({ time: NOW.toISOString(), dropped: 7, reason: "too-long" });
    expect(framedToJson(frame("6f6b"), NOW)).toEqual({ time: NOW.toISOString(), hex: "6f6b", text: "ok" });
    expect(framedToJson(frame("00"), NOW)).toEqual({ time: NOW.toISOString(), hex: "00" });
  });
});

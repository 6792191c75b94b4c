import { describe, test } from "vitest";
import { parseListen } from "./listen-address.ts";

describe("parseListen()", () => {
  test("takes loopback and unix sockets", ({ expect }) => {
    expect(parseListen("127.0.0.1:0")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 0 });
    expect(parseListen("localhost:80")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 80 });
    expect(parseListen("[::1]:4880")).toEqual({ kind: "tcp", host: "::1", port: 4880 });
    expect(parseListen("unix:/run/ui.sock")).toEqual({ kind: "unix", path: "/run/ui.sock" });
  });

  test("refuses what others could reach, and says how to look from elsewhere", ({ expect }) => {
    for (const text of ["0.0.0.0:4880", "192.168.1.5:4880", "[::]:4880", "gw.local:4880", ":4880", "127.0.0.2:4880"]) {
      expect(() => parseListen(text)).toThrow(/ssh -L 4880:127.0.0.1:4880/);
    }
  });

  test("refuses what is no address", ({ expect }) => {
    const bad = [
      "",
      "4880",
      "127.0.0.1",
      "127.0.0.1:x",
      "127.0.0.1:99999",
      "unix:",
      "::1:80",
      `unix:/${"x".repeat(200)}`,
    ];
    for (const text of [...bad, "toString:1"]) {
      expect(() => parseListen(text)).toThrow(expect.objectContaining({ code: "ERR_UI_ADDRESS" }));
    }
  });
});

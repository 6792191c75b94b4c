import { existsSync } from "node:fs";
import { describe, test } from "vitest";
import { hasPython, receiveDatagrams } from "../../../test/support/datagrams.ts";
import { skipping } from "../../../test/support/skip.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { seconds } from "../../domain/units.ts";
import { deviceAddonPath, openDatagrams } from "../device-io.ts";
import { silentLogger, type Logger } from "../log.ts";
import { createNotifier, formatNotice, notifySocket, watchdogPeriod } from "./notify.ts";

const noAddon = skipping(!existsSync(deviceAddonPath()), "datagrams", "no add-on, which npm run build:native makes");
const noPython = skipping(!hasPython(), "datagrams to a receiver", "found no python3");

describe("formatNotice()", () => {
  test("writes assignments, and keeps a status on one line", ({ expect }) => {
    expect(formatNotice({ kind: "status", text: "a\nMAINPID=1\u001b[2J" })).toBe("STATUS=a MAINPID=1 [2J");
    expect(formatNotice({ kind: "extend", by: seconds(1.5) })).toBe("EXTEND_TIMEOUT_USEC=1500000");
  });
});

describe("watchdogPeriod()", () => {
  test.for([
    [{}, undefined],
    [{ WATCHDOG_USEC: "30000000" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, undefined],
    [{ WATCHDOG_USEC: "0" }, undefined],
    [{ WATCHDOG_USEC: "many" }, undefined],
  ] as const)("of %j is %s", ([env, period], { expect }) => {
    expect(watchdogPeriod(env, 7)).toBe(period);
  });
});

test("notifySocket() takes paths and abstract names alone", ({ expect }) => {
  expect(notifySocket({ NOTIFY_SOCKET: "/run/systemd/notify" })).toBe("/run/systemd/notify");
  expect(notifySocket({ NOTIFY_SOCKET: "@name" })).toBe("@name");
  for (const NOTIFY_SOCKET of [undefined, "", "@", "vsock:2:1234", "relative", `/${"x".repeat(107)}`]) {
    expect(notifySocket({ NOTIFY_SOCKET })).toBeUndefined();
  }
});

describe.skipIf(noAddon || noPython)("createNotifier()", () => {
  test.for(["path", "abstract"] as const)("reaches a socket by %s", async (kind, { expect }) => {
    await using receiver = await receiveDatagrams(kind);
    const notify = createNotifier({ socket: receiver.address, log: silentLogger });
    notify({ kind: "ready" }, { kind: "status", text: "works" });
    notify({ kind: "alive" });
    const texts = await waitFor("two datagrams", () => {
      const got = receiver.received().map(String);
      return got.length === 2 && got;
    });
    expect(texts).toEqual(["READY=1\nSTATUS=works", "WATCHDOG=1"]);
  });

  test("says once that nobody listens, and again after it worked", async ({ expect }) => {
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, warn: (message) => void lines.push(message) };
    let failing = true;
    const notify = createNotifier({
      socket: "@nobody",
      log,
      openSender: () => () => {
        if (failing) throw new Error("nobody");
      },
    });
    notify({ kind: "alive" });
    notify({ kind: "alive" });
    expect(lines).toHaveLength(1);
    failing = false;
    notify({ kind: "alive" });
    failing = true;
    notify({ kind: "alive" });
    expect(lines).toHaveLength(2);
  });
});

test("createNotifier() tells later that the service is ready, when that was not taken", ({ expect }) => {
  const told: string[] = [];
  let isFull = true;
  const notify = createNotifier({
    socket: "@full",
    log: silentLogger,
    openSender: () => (_address, message) => {
      if (isFull) throw Object.assign(new Error("full"), { code: "EAGAIN" });
      told.push(Buffer.from(message).toString());
    },
  });
  notify({ kind: "ready" }, { kind: "status", text: "works" });
  notify({ kind: "alive" });
  isFull = false;
  notify();
  notify();
  notify({ kind: "alive" });
  expect(told).toEqual(["READY=1", "WATCHDOG=1"]);
});

describe.skipIf(noAddon)("openDatagrams()", () => {
  test("throws what the kernel says, and refuses an address that is too long", ({ expect }) => {
    const send = openDatagrams();
    expect(() => send("/nowhere/socket", Buffer.from("x"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(() => send(`@petiole-nobody-${process.pid}`, Buffer.from("x"))).toThrow(
      expect.objectContaining({ code: "ECONNREFUSED" }),
    );
    expect(() => send(`/${"x".repeat(107)}`, Buffer.from("x"))).toThrow(TypeError);
    expect(() => send("", Buffer.from("x"))).toThrow(TypeError);
  });

  test.skipIf(noPython)("does not wait for a receiver that takes nothing", async ({ expect }) => {
    await using receiver = await receiveDatagrams();
    receiver.signal("SIGSTOP");
    const send = openDatagrams();
    expect(() => {
      for (let i = 0; i < 100_000; i += 1) send(receiver.address, Buffer.alloc(1024));
    }).toThrow(expect.objectContaining({ code: "EAGAIN" }));
  });
});

import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { bytes, seconds } from "../domain/units.ts";
import { silentLogger, type Logger } from "../lib/log.ts";
import type { MemoryLimits } from "../lib/memory-limits.ts";
import type { ServiceEnv } from "../lib/systemd/notify.ts";
import { openService } from "./service.ts";

const NO_LIMITS: MemoryLimits = { state: "none", max: undefined, high: undefined, reason: undefined };

function setUp(env: ServiceEnv, limits = NO_LIMITS) {
  const clock = createFakeClock();
  const told: string[] = [];
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  const openSender = () => (_address: string, message: Uint8Array) => void told.push(Buffer.from(message).toString());
  const service = openService({ env, pid: 7, clock, log, openSender, limits });
  return { clock, told, warnings, service };
}

const SYSTEMD = { NOTIFY_SOCKET: "/run/systemd/notify", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" };
const EXTENDED = "EXTEND_TIMEOUT_USEC=60000000";

describe("openService()", () => {
  test("asks for more time while a start goes on, and for none when it stands still", async ({ expect }) => {
    const { clock, told, service } = setUp(SYSTEMD);
    using _ = service;
    let count = 0;
    let hangs = false;
    service.watch({ name: "store", count: () => count, probe: () => void (count += hangs ? 0 : 1) });
    await clock.advance(seconds(35));
    expect(told).toEqual(["STATUS=starting", EXTENDED, EXTENDED]);
    hangs = true;
    // What was done before counts once more.
    await clock.advance(seconds(10));
    const before = told.length;
    await clock.advance(seconds(120));
    expect(told.length).toBe(before);
  });

  test("is ready once, tells what it is at when that changes, and feeds the watchdog until it stops", async ({
    expect,
  }) => {
    const { clock, told, service } = setUp(SYSTEMD);
    using _ = service;
    let text = "hub offline";
    service.ready(() => text);
    expect(told).toEqual(["STATUS=starting", "READY=1\nSTATUS=hub offline", "WATCHDOG=1"]);
    await clock.advance(seconds(60));
    text = "hub online";
    await clock.advance(seconds(60));
    const rest = told.slice(3);
    expect(rest.filter((one) => one.startsWith("STATUS"))).toEqual(["STATUS=hub online"]);
    expect(rest.filter((one) => one === "WATCHDOG=1").length).toBeGreaterThanOrEqual(8);
    expect(rest).not.toContain(EXTENDED);
    expect(service.status().watchdog).toMatchObject({ period: 30_000, late: [] });
    service.stopping();
    expect(told.at(-1)).toBe("STOPPING=1\nSTATUS=stopping");
    const before = told.length;
    await clock.advance(seconds(120));
    expect(told.length).toBe(before);
  });

  test("says nothing without a service manager, or to one that cannot be reached", async ({ expect }) => {
    for (const env of [{}, { NOTIFY_SOCKET: "vsock:2:1" }]) {
      const { clock, told, warnings, service } = setUp(env);
      using _ = service;
      service.ready(() => "hub offline");
      await clock.advance(seconds(60));
      service.stopping();
      expect(told).toEqual([]);
      expect(warnings).toHaveLength(Object.keys(env).length);
      expect(service.status().watchdog).toBeUndefined();
    }
  });

  test("is not fed for another process's watchdog, and warns of limits that are ignored", async ({ expect }) => {
    const off: MemoryLimits = { state: "off", max: undefined, high: undefined, reason: "add cgroup_enable=memory" };
    const { clock, told, warnings, service } = setUp({ ...SYSTEMD, WATCHDOG_PID: "8" }, off);
    using _ = service;
    service.ready(() => "hub offline");
    await clock.advance(seconds(60));
    expect(told).not.toContain("WATCHDOG=1");
    expect(warnings).toEqual(["Limits of memory are ignored"]);
    expect(service.status().memory).toMatchObject({ limits: "off", reason: "add cgroup_enable=memory" });
  });

  test("tells what limit there is", ({ expect }) => {
    const { service } = setUp({}, { ...NO_LIMITS, state: "enforced", max: bytes(1000) });
    using _ = service;
    expect(service.status().memory).toMatchObject({ limits: "enforced", max: 1000 });
  });
});

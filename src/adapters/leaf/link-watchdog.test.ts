import { once } from "node:events";
import { createServer } from "node:net";
import { describe, test } from "vitest";
import type { HubLink, HubLinkState } from "../../domain/hub-link.ts";
import { millis, minutes, seconds } from "../../domain/units.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { canReach, startLinkWatchdog } from "./link-watchdog.ts";

/** One entry for each check, a minute apart: what the link is then, and whether the hub can be reached. */
type Script = readonly (readonly [HubLink, boolean])[];

/** Plays the script and returns at which checks the server was restarted. */
async function restarts(script: Script): Promise<number[]> {
  const found: number[] = [];
  const ended = Promise.withResolvers<void>();
  let now = 0;
  const at = (): (typeof script)[number] => script[now] ?? ["online", true];
  const clock: Clock = {
    ...systemClock,
    monotonic: () => minutes(now),
    sleep: async (_duration, signal) => {
      now += 1;
      if (now < script.length) return;
      ended.resolve();
      await new Promise<never>((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  };
  const state = (): HubLinkState => ({
    link: at()[0],
    mode: "leaf",
    rtt: undefined,
    reason: undefined,
    server: undefined,
  });
  await using _watchdog = startLinkWatchdog({
    monitor: { state },
    reachable: async () => at()[1],
    restart: () => void found.push(now),
    log: silentLogger,
    clock,
    patience: minutes(2),
    checkInterval: seconds(60),
  });
  await ended.promise;
  return found;
}

const times = (count: number, link: HubLink, reachable: boolean): Script =>
  Array.from({ length: count }, () => [link, reachable] as const);

describe("startLinkWatchdog()", () => {
  test("restarts a server whose link stays down while the hub is reachable, ever less often", async ({ expect }) => {
    expect(await restarts(times(20, "offline", true))).toEqual([2, 7, 16]);
  });

  test("leaves it alone while the hub is away, and acts when the hub is back but the link is not", async ({
    expect,
  }) => {
    expect(await restarts([...times(5, "offline", false), ...times(2, "offline", true)])).toEqual([5]);
  });

  test("leaves it alone while there is a link, and counts from the loss of it", async ({ expect }) => {
    const flapping = [...times(2, "offline", true), ...times(1, "degraded", true), ...times(2, "offline", true)];
    expect(await restarts(flapping)).toEqual([]);
    expect(await restarts([...times(3, "offline", true), ["online", true], ...times(3, "offline", true)])).toEqual([
      2, 6,
    ]);
  });
});

test("canReach() is true when one of the URLs takes a connection", async ({ expect }) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const open = `nats-leaf://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const limit = seconds(5);
  expect(await canReach(["nats-leaf://127.0.0.1:1", open], limit)).toBe(true);
  server.close();
  await once(server, "close");
  expect(await canReach([open, "not a url"], limit)).toBe(false);
  expect(await canReach([], millis(1))).toBe(false);
});

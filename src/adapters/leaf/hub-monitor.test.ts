import { test } from "vitest";
import { parseConfig } from "../../config/parse.ts";
import { millis, seconds } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { startHubMonitor } from "./hub-monitor.ts";

/** How long the states of a link take that stops carrying anything at `at`, and does so again when told. */
function halfOpenLink(mode: "leaf" | "direct") {
  const url = mode === "leaf" ? "nats-leaf://h:7422" : "nats://h:4222";
  const { hub } = parseConfig(`device: { id: d }\nhub: { mode: ${mode}, urls: [${url}], domain: h }`, "/p.yaml");
  if (hub === undefined) throw new Error("no hub in the configuration");
  const clock = createFakeClock();
  let carries = true;
  const monitor = startHubMonitor({
    mode,
    // As TCP sees it, the link is fine all the time.
    probePath: () => ({ up: true }),
    echo: async (timeout) => {
      if (carries) return millis(1);
      await clock.sleep(timeout);
      throw new Error("silence");
    },
    log: silentLogger,
    clock,
    pollInterval: hub.poll_interval,
    echoInterval: hub.echo_interval,
    echoTimeout: hub.echo_timeout,
  });
  return { clock, monitor, carry: (value: boolean) => void (carries = value) };
}

test.for(["leaf", "direct"] as const)(
  "startHubMonitor() notices a half-open %s link, and its recovery, within 30 s with default settings",
  async (mode, { expect }) => {
    // Whenever between two echoes the link stops, and whenever it carries again.
    for (let offset = 0; offset < 20; offset += 1) {
      const link = halfOpenLink(mode);
      await link.clock.advance(seconds(60 + offset));
      expect(link.monitor.state().link).toBe("online");
      link.carry(false);
      await link.clock.advance(seconds(30));
      expect(link.monitor.state(), `stopped after ${offset} s`).toMatchObject({ link: "degraded", reason: "silence" });
      await link.clock.advance(seconds(offset));
      link.carry(true);
      await link.clock.advance(seconds(30));
      expect(link.monitor.state().link, `mended after ${offset} s`).toBe("online");
      await link.monitor[Symbol.asyncDispose]();
    }
  },
);

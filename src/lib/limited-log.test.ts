import { test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { seconds } from "../domain/units.ts";
import { limitLog } from "./limited-log.ts";
import type { LogFields, Logger } from "./log.ts";

/** Keeps what is written. */
function collect(): { readonly log: Logger; readonly lines: LogFields[] } {
  const lines: LogFields[] = [];
  const make = (own: LogFields): Logger => {
    const write = (message: string, fields?: LogFields): void => void lines.push({ message, ...own, ...fields });
    return {
      trace: write,
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: (fields) => make({ ...own, ...fields }),
    };
  };
  return { log: make({}), lines };
}

test("limitLog() bounds each component, all of them, and the agent apart from them", async ({ expect }) => {
  const clock = createFakeClock();
  const { log, lines } = collect();
  const limited = limitLog({ log, level: "info", rate: 10, clock });
  const one = limited.log.child({ part: "runtime" }).child({ component: "one" });
  for (let i = 0; i < 1000; i += 1) one.info("flood");
  // Five seconds' worth of half the rate.
  expect(lines).toHaveLength(25);
  for (let i = 0; i < 1000; i += 1) limited.log.info("flood too", { provider: `p${i % 10}` });
  expect(lines).toHaveLength(50);
  limited.log.warn("the agent's own");
  expect(lines).toHaveLength(51);
  expect(lines.at(-1)).toEqual({ message: "the agent's own" });
  expect(limited.suppressed()).toBe(1950);
  await clock.advance(seconds(1));
  one.info("again");
  // Its own ones, and those of the others that had found no room.
  expect(lines.at(-1)).toEqual({ message: "again", part: "runtime", component: "one", suppressed: 975 + 225 });
});

test("limitLog() says nothing of itself as long as it leaves out nothing", ({ expect }) => {
  const { log, lines } = collect();
  const limited = limitLog({ log, level: "info", rate: 10, clock: createFakeClock() });
  limited.log.child({ component: "a" }).error("failed", { code: "ERR_INVARIANT" });
  expect(lines).toEqual([{ message: "failed", component: "a", code: "ERR_INVARIANT" }]);
  expect(limited.suppressed()).toBe(0);
});

test("limitLog() gives no room to lines below the level", ({ expect }) => {
  const { log, lines } = collect();
  const limited = limitLog({ log, level: "info", rate: 10, clock: createFakeClock() });
  const one = limited.log.child({ component: "one" });
  for (let i = 0; i < 1000; i += 1) {
    limited.log.debug("a detail");
    one.trace("a detail");
  }
  limited.log.error("failed");
  one.error("failed");
  expect(lines).toEqual([{ message: "failed" }, { message: "failed", component: "one" }]);
  expect(limited.suppressed()).toBe(0);
});

import { test } from "vitest";
import type { HostStatus } from "../../../host/host.ts";
import type { Translation } from "./translate.ts";
import { stateOf } from "./workload-state.ts";

const TRANSLATED = {
  components: [{ id: "a" }, { id: "b" }],
  providers: [{ id: "operator-http", type: "http-server", config: {} }],
  links: [{ name: "default", source: "operator-http", target: "a", interfaces: [], config: {} }],
} as unknown as Translation; // Of the components, their ids are what counts.

const broken = { code: "ERR_X", message: "it broke" };
interface Item {
  readonly id: string;
  readonly state: string;
  readonly lastError?: typeof broken;
}
const up = (id: string): Item => ({ id, state: "running" });

/** Of a host where all of it runs, but for what is given. */
function told(change: Partial<Record<"components" | "providers" | "links", readonly object[]>>): string {
  const running = {
    components: [up("a"), up("b"), up("other")],
    providers: [up("operator-http"), { ...up("else"), lastError: broken }],
    links: [
      { source: "operator-http", target: "a", state: "bound" },
      { source: "x", target: "y", state: "waiting" },
    ],
    ...change,
  } as unknown as HostStatus; // Nothing else of it is looked at.
  const { state, message } = stateOf({ isStopping: false, failure: undefined, translated: TRANSLATED }, running);
  return `${state.replace("WORKLOAD_STATE_", "")} ${message}`;
}

test("stateOf() goes by the workload's own components, providers and links", ({ expect }) => {
  expect(told({})).toBe("RUNNING it runs");
  expect(told({ components: [up("a")] })).toMatch(/^STARTING/);
  expect(told({ components: [up("a"), { id: "b", state: "fetching" }] })).toMatch(/^STARTING/);
  expect(told({ components: [up("a"), { ...up("b"), state: "failed", lastError: broken }] })).toBe(
    "ERROR ERR_X: it broke",
  );
  expect(told({ providers: [{ ...up("operator-http"), state: "failed", lastError: broken }] })).toMatch(/^ERROR/);
  expect(told({ links: [{ source: "operator-http", target: "a", state: "waiting" }] })).toMatch(/^STARTING/);
});

test("stateOf() tells what comes before", ({ expect }) => {
  const nothing = { components: [], providers: [], links: [] };
  const facts = { isStopping: true, failure: "f", translated: { problem: "p" } };
  expect(stateOf(facts, nothing).state).toBe("WORKLOAD_STATE_STOPPING");
  expect(stateOf({ ...facts, isStopping: false }, nothing)).toEqual({ state: "WORKLOAD_STATE_ERROR", message: "f" });
  expect(stateOf({ ...facts, isStopping: false, failure: undefined }, nothing).message).toBe("p");
  expect(stateOf({ isStopping: false, failure: undefined, translated: undefined }, nothing).state).toBe(
    "WORKLOAD_STATE_STARTING",
  );
});

import { describe, test } from "vitest";
import { emptyLattice } from "../../test/support/remote-ends.ts";
import { componentSpec } from "../../test/support/workloads.ts";
import { PetioleError } from "../domain/errors.ts";
import { systemClock } from "../lib/clock.ts";
import { seconds } from "../domain/units.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import type { FunctionType } from "../lib/wit/type.ts";
import type { PreparedComponent, RunningComponent } from "../runtime/contract.ts";
import { createCallees } from "./callees.ts";
import { createLinkMeters } from "./link-meters.ts";
import { callLoosely } from "./loose-link.ts";
import type { RemoteFunction } from "./ports.ts";

const meters = createLinkMeters(createMetricsRegistry(), systemClock);
const type: FunctionType = { params: [], result: { kind: "u8" } };
const shapes = { imports: [{ name: "a:b/c@1.2.0", functions: [{ name: "get", type }], resources: [] }], exports: [] };
const source = { spec: componentSpec("source"), prepared: { shapes } as unknown as PreparedComponent };
const here = { call: async () => "here" } as unknown as RunningComponent;
const link = { name: "mine", source: "source", target: "target", interfaces: ["a:b/c"], config: undefined };

function createWorld() {
  const callees = createCallees({ clock: systemClock, drainLimit: seconds(5), meters });
  const called: RemoteFunction[] = [];
  const world = { reachable: true, answer: async (): Promise<unknown> => "elsewhere" };
  const remote = emptyLattice({
    reachable: () => world.reachable,
    call: async (one) => {
      called.push(one);
      return await world.answer();
    },
  });
  const call = callLoosely(link, { callees, remote, component: () => source });
  return { callees, called, world, call: async () => await call("a:b/c", "get", []) };
}

describe("callLoosely()", () => {
  test("stays on the device when the target runs here, and follows it when it comes and goes", async ({ expect }) => {
    const { callees, called, call } = createWorld();
    expect(await call()).toBe("elsewhere");
    callees.expect(componentSpec("target"));
    callees.open("target", here);
    expect(await call()).toBe("here");
    await callees.drain("target");
    callees.fail("target", "it was stopped");
    expect(await call()).toBe("elsewhere");
    expect(called).toHaveLength(2);
  });

  test("tells the other host what is called, with the version and the types that the caller has", async ({
    expect,
  }) => {
    const { called, call } = createWorld();
    await call();
    expect(called).toEqual([
      { source: "source", linkName: "mine", target: "target", interfaceName: "a:b/c@1.2.0", functionName: "get", type },
    ]);
  });

  test("waits here for a target that is replaced", async ({ expect }) => {
    const { callees, called, call } = createWorld();
    callees.open("target", here);
    await callees.drain("target");
    callees.expect(componentSpec("target"));
    const answer = call();
    callees.open("target", here);
    expect(await answer).toBe("here");
    expect(called).toEqual([]);
  });

  describe("while the target starts here for the first time", () => {
    test("asks other hosts, and waits when none has it", async ({ expect }) => {
      const { callees, world, call } = createWorld();
      callees.expect(componentSpec("target"));
      expect(await call()).toBe("elsewhere");
      world.answer = () => Promise.reject(new PetioleError("ERR_CALL_NO_RESPONDER", "nobody"));
      const answer = call();
      await expect.poll(() => callees.where("target")).toBe("coming");
      callees.open("target", here);
      expect(await answer).toBe("here");
    });

    test("waits when no other host can be reached", async ({ expect }) => {
      const { callees, called, world, call } = createWorld();
      world.reachable = false;
      callees.expect(componentSpec("target"));
      const answer = call();
      callees.open("target", here);
      expect(await answer).toBe("here");
      expect(called).toEqual([]);
    });

    test("makes no call twice that another host may have taken", async ({ expect }) => {
      const { callees, world, call } = createWorld();
      callees.expect(componentSpec("target"));
      world.answer = () => Promise.reject(new PetioleError("ERR_CALL_TIMEOUT", "too late"));
      await expect(call()).rejects.toMatchObject({ code: "ERR_CALL_TIMEOUT" });
    });
  });

  test("without other hosts, says that the target does not run", async ({ expect }) => {
    const callees = createCallees({ clock: systemClock, drainLimit: seconds(5), meters });
    const call = callLoosely(link, { callees, remote: undefined, component: () => source });
    await expect(call("a:b/c", "get", [])).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
  });
});

import { describe, test } from "vitest";
import { PetioleError, type Clock } from "#provider";
import { serialSuite } from "../../test/conformance/serial/suite.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createMailbox } from "../../test/support/mailbox.ts";
import { providerDeps, startProvider } from "../../test/support/provider-rig.ts";
import { createSerialProvider } from "./index.ts";
import { createSimulatedCable } from "./line/simulated.ts";

const CONFIG = {
  ports: {
    boiler: {
      path: "/dev/simulated",
      framing: { max_length: 32 },
      write_buffer: "1KiB",
      reopen: { initial: "1ms", max: "5ms" },
    },
  },
};

serialSuite({
  name: "a simulated cable",
  create: async (options) => {
    const cable = createSimulatedCable();
    const config = { ports: { boiler: { ...CONFIG.ports.boiler, ...options } } };
    const rig = await startProvider((deps) => createSerialProvider(deps, cable.open), config);
    return { ...cable, provider: rig.provider, [Symbol.asyncDispose]: async () => await rig[Symbol.asyncDispose]() };
  },
});

describe("createSerialProvider()", () => {
  test("parseConfig() reports every fault with its path", ({ expect }) => {
    const provider = createSerialProvider(providerDeps());
    const parse = (): unknown =>
      provider.parseConfig({ ports: { boiler: { path: "ttyUSB0", baud: 1, framing: { delimiter: "" } } } });
    expect(parse).toThrow(/ports\.boiler\.path[^]*ports\.boiler\.framing\.delimiter|baud/);
    expect(parse).toThrow(expect.objectContaining({ code: "ERR_PROVIDER_CONFIG" }) as Error);
    const reopen = { initial: "0ms", max: "0ms" };
    expect(() => provider.parseConfig({ ports: { boiler: { path: "/dev/x", reopen } } })).toThrow("want 1ms at least");
  });

  test("start() does not wait for a device that is missing", async ({ expect }) => {
    const tried = createMailbox<string>();
    await using rig = await startProvider(
      (deps) =>
        createSerialProvider(deps, async ({ path }) => {
          tried.put(path);
          throw new Error("no such file");
        }),
      CONFIG,
    );
    await tried.waitFor(3);
    await using link = await rig.bind({ config: { ports: ["boiler"] } });
    expect(await link.call("petiole:serial/port", "list-ports")).toEqual([["boiler", false]]);
  });

  test("a file without a device behind it is tried with growing delays, as one that fails", async ({ expect }) => {
    const clock = createFakeClock();
    const slept = createMailbox<number>();
    const recording: Clock = {
      ...clock,
      sleep: async (duration, signal) => {
        slept.put(duration);
        await clock.sleep(duration, signal);
      },
    };
    const reopen = { initial: "1h", max: "1h" };
    await using _rig = await startProvider(
      (deps) =>
        createSerialProvider(deps, async () => {
          throw new PetioleError("ERR_DEVICE_MISSING", "no such device");
        }),
      { ports: { boiler: { path: "/dev/null", reopen } } },
      { clock: recording },
    );
    expect((await slept.waitFor(1))[0]).toBeGreaterThan(60_000);
  });

  test.for([
    ["ERR_DEVICE_BUSY", "busy"],
    ["ERR_DEVICE_DENIED", "denied"],
    ["ERR_DEVICE_MISSING", "disconnected"],
    ["ERR_DEVICE_FAILED", "disconnected"],
  ] as const)("a component is told why a port is not open: %s is %s", async ([code, tag], { expect }) => {
    const tried = createMailbox<string>();
    await using rig = await startProvider(
      (deps) =>
        createSerialProvider(deps, async ({ path }) => {
          tried.put(path);
          throw new PetioleError(code, "it does not open");
        }),
      CONFIG,
    );
    await tried.waitFor(2);
    await using link = await rig.bind({ config: { ports: ["boiler"], write: true } });
    const sent = link.call("petiole:serial/port", "send-frame", "boiler", Buffer.from("x"));
    await expect(sent).rejects.toMatchObject({ payload: { tag } });
  });

  test("start() rejects with the reason of an aborted signal, and disposal works after it", async ({ expect }) => {
    await using provider = createSerialProvider(providerDeps());
    const reason = new Error("stopping");
    await expect(provider.start(provider.parseConfig(CONFIG), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("bind() is refused before the start", async ({ expect }) => {
    await using provider = createSerialProvider(providerDeps());
    const link = { ...unbound(), config: provider.parseLinkConfig({ ports: ["boiler"] }) };
    await expect(provider.bind(link)).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
  });
});

function unbound() {
  const { log } = providerDeps();
  const call = async (): Promise<never> => await Promise.reject(new Error("not called"));
  const end = { component: "c", elsewhere: false, shapes: () => [], call, http: call };
  return { ...end, linkName: "default", direction: "imports" as const, interfaces: [], log };
}

// Pins that the contracts of serial ports and Modbus cross into a component and back, every type of theirs.

import { afterAll, describe, test } from "vitest";
import { createModbusProvider } from "../../../providers/serial/modbus/index.ts";
import { createSerialProvider } from "../../../providers/serial/index.ts";
import { createSimulatedCable } from "../../../providers/serial/line/simulated.ts";
import { createModbusSlave, initialMemory } from "../../support/modbus-slave.ts";
import { tempFolder } from "../../support/processes.ts";
import { bindLink, startProvider, type Rig } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";
import { openRuntime } from "../runtime/support.ts";

const PROBE = "petiole:fixture-fieldbus/probe";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

/** The fixture, linked to a provider both ways. */
async function linkFixture(rig: Rig, config: object) {
  await using stack = new AsyncDisposableStack();
  const opened = stack.use(openRuntime(cache.path));
  const imports = stack.use(await rig.bind({ config }));
  const component = await opened.start("fieldbus", {
    onImport: async (interfaceName, functionName, args) => await imports.call(interfaceName, functionName, ...args),
  });
  stack.defer(async () => await component[Symbol.asyncDispose]());
  stack.use(
    await bindLink(rig.provider, {
      config,
      handler: async (functionName, args, interfaceName) => await component.call(interfaceName, functionName, args),
    }),
  );
  const owned = stack.move();
  return {
    run: async (functionName: string, command: string): Promise<unknown> =>
      JSON.parse((await component.call(PROBE, functionName, [command])) as string),
    handed: async (): Promise<readonly unknown[]> =>
      ((await component.call(PROBE, "handed", [])) as string[]).map((text) => JSON.parse(text) as unknown),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

describe("a component", () => {
  test("asks Modbus devices, and is handed readings", async ({ expect }) => {
    const cable = createSimulatedCable();
    const slave = createModbusSlave({ unit: 7, memory: initialMemory(), send: (bytes) => cable.write(bytes) });
    const ended = new AbortController();
    void (async () => {
      while (!ended.signal.aborted) slave.receive(await cable.read(1));
    })();
    const registers = [
      { name: "real", address: 10, type: "f32", measure: "°C" },
      { name: "nowhere", address: 5000 },
    ];
    const field = { path: "/dev/simulated", polls: { meter: { unit: 7, every: "1h", registers } } };
    await using rig = await startProvider((deps) => createModbusProvider(deps, cable.open), { buses: { field } });
    await using fixture = await linkFixture(rig, { buses: ["field"], write: true });
    const run = async (command: string): Promise<unknown> => await fixture.run("modbus", command);
    expect(await run("read registers")).toEqual([3, 6, 9]);
    expect(await run("read coils")).toEqual([true, false, false, true]);
    expect(await run("write")).toBe("done");
    expect(await run("read registers")).toEqual([65_535, 40_000, 2]);
    expect(await run("read coils")).toEqual([true, true, true, false]);
    expect(await run("read beyond")).toEqual({ tag: "exception", val: { tag: "illegal-data-address" } });
    expect(await run("read too much")).toEqual({ tag: "invalid-argument" });
    const float = Buffer.from([0, 30, 0, 33]).readFloatBE();
    const [batch] = await waitFor("readings", async () => {
      const all = await fixture.handed();
      return all.length > 0 && all;
    });
    expect(batch).toEqual([
      { name: "real", measure: "°C", value: { tag: "ok", val: float } },
      {
        name: "nowhere",
        measure: "",
        value: { tag: "err", val: { tag: "exception", val: { tag: "illegal-data-address" } } },
      },
    ]);
    ended.abort();
  });

  test("uses serial ports by frames and by bytes", async ({ expect }) => {
    const cable = createSimulatedCable();
    const ports = { boiler: { path: "/dev/simulated" } };
    await using rig = await startProvider((deps) => createSerialProvider(deps, cable.open), { ports });
    await using fixture = await linkFixture(rig, { ports: ["boiler"], write: true });
    const run = async (command: string): Promise<unknown> => await fixture.run("serial", command);
    await waitFor("the port", async () => JSON.stringify(await run("list")) === '[["boiler",true]]');
    expect(await run("settings")).toMatchObject({ baudRate: 9600, dataBits: 8, parity: "none", stopBits: "one" });
    expect(await run("signals")).toEqual({ tag: "unsupported" });
    const exchanged = run("exchange");
    expect(await cable.read(2)).toEqual(Buffer.from("?\n"));
    cable.write("!\n");
    expect(await exchanged).toEqual([0x21]);
    cable.write("ok\n");
    expect(await waitFor("a frame", async () => (await fixture.handed())[0] as object | undefined)).toEqual({
      label: "boiler",
      payload: [0x6f, 0x6b],
      sequence: 2,
      lost: 0,
    });
    expect(await run("read raw")).toEqual({ bytes: [...Buffer.from("!\nok\n")], lost: 0 });
    expect(await run("write raw")).toBe("done");
    expect(await cable.read(2)).toEqual(Buffer.from([1, 2]));
  });
});

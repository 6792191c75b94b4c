// Pins what the Modbus provider owes to real terminals, and to a device that is not ours.

import { createModbusProvider } from "../../../providers/serial/modbus/index.ts";
import { modbusSuite, UNIT, type ModbusRig } from "../../conformance/modbus/suite.ts";
import { createModbusSlave, initialMemory } from "../../support/modbus-slave.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { openPty, type Pty } from "../../support/pty.ts";
import { findPymodbus, startPymodbus, type Pymodbus } from "../../support/pymodbus.ts";
import { skipping } from "../../support/skip.ts";

/** A device answers at once: only a lost answer takes so long. */
const FIELD = { baud_rate: 115_200, timeout: "5s", give_up_after: "1s", reopen: { initial: "2ms", max: "10ms" } };

async function startOnLine(path: string, options: object): Promise<ModbusRig> {
  return await startProvider(createModbusProvider, { buses: { field: { path, ...FIELD, ...options } } });
}

modbusSuite({
  name: "a pseudo-terminal with the tests' own device",
  create: async (options = {}) => {
    const pty: Pty = openPty({ onData: (chunk) => slave.receive(chunk) });
    const slave = createModbusSlave({ unit: UNIT, memory: initialMemory(), send: (bytes) => pty.write(bytes) });
    const rig = await startOnLine(pty.path, options);
    return {
      provider: rig.provider,
      async [Symbol.asyncDispose]() {
        await rig[Symbol.asyncDispose]();
        await pty.unplug();
      },
    };
  },
});

async function startWithPymodbus(program: Pymodbus, options: object): Promise<ModbusRig> {
  await using stack = new AsyncDisposableStack();
  const near: Pty = stack.use(openPty({ onData: (chunk) => far.write(chunk) }));
  const far: Pty = stack.use(openPty({ onData: (chunk) => near.write(chunk) }));
  stack.use(await startPymodbus(program, far.path, UNIT));
  const { provider } = stack.use(await startOnLine(near.path, options));
  const owned = stack.move();
  return { provider, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}

const pymodbus = await findPymodbus();
if (typeof pymodbus === "string") {
  skipping(true, "Modbus with pymodbus", pymodbus);
} else {
  modbusSuite({
    name: "a pseudo-terminal with pymodbus",
    create: async (options = {}) => await startWithPymodbus(pymodbus, options),
  });
}

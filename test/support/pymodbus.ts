// pymodbus, a Modbus device that is not ours: Python's packages, from Debian unless the machine has them.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { spawnProcess } from "./processes.ts";
import { waitFor } from "./wait-for.ts";
import { SLAVE_SIZE } from "./modbus-slave.ts";

const run = promisify(execFile);

const CACHE = resolve(import.meta.dirname, "..", "..", "node_modules", ".cache", "pymodbus");
const PACKAGES = ["python3-pymodbus", "python3-serial", "python3-serial-asyncio"];

const SCRIPT = `
import asyncio, sys
from pymodbus.server import StartAsyncSerialServer
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.transaction import ModbusRtuFramer

path, unit, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = lambda values: ModbusSequentialDataBlock(0, list(values))
device = ModbusSlaveContext(
    zero_mode=True,
    co=block(i % 3 == 0 for i in range(size)),
    di=block(i % 2 == 0 for i in range(size)),
    hr=block(i * 3 for i in range(size)),
    ir=block(1000 + i for i in range(size)),
)
context = ModbusServerContext(slaves={unit: device}, single=False)

async def main():
    print("ready", flush=True)
    await StartAsyncSerialServer(context=context, framer=ModbusRtuFramer, port=path, baudrate=115200)

asyncio.run(main())
`;

export interface Pymodbus {
  readonly python: string;
  /** Where its packages are; undefined when Python finds them by itself. */
  readonly folder: string | undefined;
}

/** Why there is none, or where it is. `PETIOLE_TEST_PYMODBUS` names a folder of Python packages that has it. */
export async function findPymodbus(): Promise<Pymodbus | string> {
  const python = ["/usr/bin/python3", "/usr/local/bin/python3"].find((path) => existsSync(path));
  if (python === undefined) return "there is no python3";
  const named = process.env["PETIOLE_TEST_PYMODBUS"];
  const places = named === undefined ? [() => undefined, fromDebian] : [() => named];
  for (const place of places) {
    const folder = await place();
    if (await canServe(python, folder)) return { python, folder };
  }
  return "there is no pymodbus 3.0";
}

async function canServe(python: string, folder: string | undefined): Promise<boolean> {
  try {
    const probe =
      "import serial, serial_asyncio\nfrom pymodbus.server import StartAsyncSerialServer\nfrom pymodbus.transaction import ModbusRtuFramer";
    await run(python, ["-c", probe], { env: environment(folder) });
    return true;
  } catch {
    return false;
  }
}

const environment = (folder: string | undefined): NodeJS.ProcessEnv =>
  folder === undefined ? process.env : { ...process.env, PYTHONPATH: folder };

/** Unpacked, not installed. Undefined where apt has no such packages. */
async function fromDebian(): Promise<string | undefined> {
  const folder = join(CACHE, "usr", "lib", "python3", "dist-packages");
  if (existsSync(join(folder, "serial_asyncio"))) return folder;
  try {
    mkdirSync(CACHE, { recursive: true });
    const options = { cwd: CACHE, timeout: 60_000 };
    await run("apt-get", ["download", "-qq", ...PACKAGES], options);
    for (const file of readdirSync(CACHE).filter((name) => name.endsWith(".deb"))) {
      await run("dpkg-deb", ["-x", file, "."], options);
    }
    return folder;
  } catch {
    return undefined;
  }
}

/** Starts a device at the near end of a line, with the memory of the tests. Resolves when it has been started. */
export async function startPymodbus(
  { python, folder }: Pymodbus,
  path: string,
  unit: number,
): Promise<AsyncDisposable> {
  const server = await spawnProcess(python, ["-c", SCRIPT, path, String(unit), String(SLAVE_SIZE)], {
    env: environment(folder),
  });
  try {
    await waitFor("pymodbus", () => {
      if (server.child.exitCode !== null) return true;
      return server.output().includes("ready");
    });
    if (server.child.exitCode !== null) throw new Error(`pymodbus ended:\n${server.output()}`);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

import { loadPlayedDevices } from "../../../../providers/index.ts";
import { parseNumber, wrong, type OpenBench } from "./bench.ts";

type Played = Awaited<ReturnType<typeof loadPlayedDevices>>;
type Table = Parameters<ReturnType<ReturnType<Played["createPlayedLine"]>["device"]>["get"]>[0];

/** Where manuals count the registers of a table from, such as 40001 for the first holding register. */
const MANUAL: Readonly<Record<string, Table>> = { "0": "coil", "1": "discrete", "3": "input", "4": "holding" };

/** Devices on Modbus lines in memory: registers by the names that the polls give them, or by their numbers. */
export const openModbusBench: OpenBench = async ({ wanted, emit }) => {
  const played = await loadPlayedDevices();
  const config = played.modbusSchema.parse(wanted.config);
  const cables = played.createPlayedCables();
  const registers = Object.entries(config.buses).flatMap(([bus, { polls }]) =>
    Object.values(polls).flatMap(({ unit, registers: all }) => all.map((register) => ({ bus, unit, register }))),
  );
  const lines = new Map(
    Object.entries(config.buses).map(([bus, { path }]) => {
      const cable = cables.cable(path);
      const line = played.createPlayedLine({
        send: (bytes) => cable.write(bytes),
        onWrite: (unit, table, address, value) => {
          const name = registers.find(
            (one) =>
              one.bus === bus && one.unit === unit && one.register.table === table && one.register.address === address,
          )?.register.name;
          emit({
            kind: "device",
            device: `modbus ${name ?? `${bus} unit ${unit} ${table} ${address}`}`,
            text: String(value),
          });
        },
      });
      void listen(cable, (chunk) => line.receive(chunk));
      return [bus, line] as const;
    }),
  );
  const [firstBus = ""] = lines.keys();
  const firstUnit = registers[0]?.unit ?? 1;

  /** Words of a register, through the type that its poll reads it with. */
  function named(name: string) {
    const found = registers.find(({ register }) => register.name === name);
    if (found === undefined) return undefined;
    const device = lines.get(found.bus)?.device(found.unit);
    const { register } = found;
    return {
      get: (): number => {
        const words = played.wordsOf(register, 0).map((_, i) => device?.get(register.table, register.address + i) ?? 0);
        return played.valueOf(register, words);
      },
      set: (value: number): void =>
        played.wordsOf(register, value).forEach((word, i) => device?.set(register.table, register.address + i, word)),
    };
  }

  /** By a number as manuals have it, `30001`, for a unit and a bus that may be named: `meter/7/30001`. */
  function numbered(text: string) {
    const parts = text.split("/");
    const number = parts.pop() ?? "";
    const table = MANUAL[number[0] ?? ""];
    const address = Number(number.slice(1)) - 1;
    const line = lines.get(parts.find((part) => lines.has(part)) ?? firstBus);
    const unit = Number(parts.find((part) => /^\d+$/.test(part)) ?? firstUnit);
    if (!/^\d{5,6}$/.test(number) || table === undefined || line === undefined || address < 0) return undefined;
    const device = line.device(unit);
    return {
      get: () => device.get(table, address),
      set: (value: number) => device.set(table, address, value & 0xff_ff),
    };
  }

  return {
    id: wanted.id,
    kind: "modbus",
    type: "modbus",
    config: wanted.config,
    factory: cables.modbus,
    names: registers.map(({ register }) => register.name),
    usage: ["modbus set REGISTER VALUE", "modbus get REGISTER"],
    describe: () =>
      registers.map(({ register: { name, measure } }) =>
        `modbus ${name}  ${named(name)?.get() ?? ""} ${measure}`.trimEnd(),
      ),
    async run([verb, name = "", value]) {
      const cell = named(name) ?? numbered(name);
      if (cell === undefined) {
        const known = registers.map(({ register }) => register.name).join(", ");
        throw wrong(
          `Cannot find the register "${name}": want a number such as 30001${known === "" ? "" : `, or ${known}`}`,
        );
      }
      if (verb === "set") {
        cell.set(parseNumber(value, "the value of a register"));
        emit({ kind: "device", device: `modbus ${name}`, text: String(cell.get()) });
      } else if (verb !== "get") throw wrong(`Cannot "${verb ?? ""}" a register: want set or get`);
      return `${name} ${cell.get()}`;
    },
    async [Symbol.asyncDispose]() {},
  };
};

/** For as long as the process lives: a cable in memory holds nothing open. */
export async function listen(
  cable: { read(length: number): Promise<Buffer> },
  take: (chunk: Buffer) => void,
): Promise<void> {
  for (;;) take(await cable.read(1));
}

import { loadPlayedDevices } from "../../../../providers/index.ts";
import { recordAt, wrong, type OpenBench } from "./bench.ts";

type Played = Awaited<ReturnType<typeof loadPlayedDevices>>;
type Bus = Parameters<Parameters<Played["createPlayedI2cProvider"]>[1]>[0];

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("hex")
    .replaceAll(/(..)(?=.)/g, "$1 ");

/** A bus in memory. Devices that nothing is said of have registers, all of them 0. */
export const openI2cBench: OpenBench = async ({ wanted, emit }) => {
  const { createPlayedI2cProvider } = await loadPlayedDevices();
  const granted = wanted.links.flatMap((link) => Object.entries(recordAt(link, "devices")));
  const labels = new Map(granted.map(([label, address]) => [label, Number(address)]));
  const isSimulated = recordAt(wanted.config, "bus")["backend"] === "simulated";
  const devices = new Map(
    isSimulated ? [] : [...labels.values()].map((address) => [address, { registers: new Map<number, Uint8Array>() }]),
  );
  /** What was played, for a bus that comes later. */
  const played: ((bus: Bus) => void)[] = [];
  let bus: Bus | undefined;

  const addressOf = (text: string): number => {
    const address = labels.get(text) ?? Number(text);
    if (Number.isInteger(address)) return address;
    throw wrong(`Cannot find the device "${text}": want an address such as 0x44, or ${[...labels.keys()].join(", ")}`);
  };
  const bytesOf = (text: string): Uint8Array => {
    const digits = text.replaceAll(" ", "");
    if (/^(?:[0-9a-f]{2})+$/i.test(digits)) return Uint8Array.from(Buffer.from(digits, "hex"));
    throw wrong(`Cannot take "${text}" as bytes: want hexadecimal such as 19 00`);
  };

  return {
    id: wanted.id,
    kind: "i2c",
    type: "i2c",
    config: wanted.config,
    factory: createPlayedI2cProvider(devices, (made) => {
      bus = made;
      for (const play of played) play(made);
    }),
    names: [...labels.keys()],
    usage: ["i2c set DEVICE REGISTER BYTES…", "i2c answer DEVICE WRITTEN BYTES…"],
    describe: () =>
      [...labels].map(([label, address]) =>
        `i2c ${label}  0x${address.toString(16)}  ${hex(bus?.registers(address)?.subarray(0, 8) ?? new Uint8Array())}`.trimEnd(),
      ),
    async run([verb, device = "", first = "", ...rest]) {
      const address = addressOf(device);
      const bytes = bytesOf(rest.join(" "));
      let play: (bus: Bus) => void;
      if (verb === "set") {
        const register = Number(/^0x/i.test(first) ? first : `0x${first}`);
        if (!(register >= 0 && register + bytes.length <= 256))
          throw wrong(`Cannot set register "${first}": want 00 to ff`);
        if (bus !== undefined && bus.registers(address) === undefined)
          throw wrong(`Cannot set a register of "${device}": it has none`);
        play = (on) => on.registers(address)?.set(bytes, register);
      } else if (verb === "answer") {
        const written = bytesOf(first);
        play = (on) => on.answer(address, written, bytes);
      } else throw wrong(`Cannot "${verb ?? ""}" a device: want set or answer`);
      played.push(play);
      if (bus !== undefined) play(bus);
      emit({ kind: "device", device: `i2c ${device}`, text: `${first}: ${hex(bytes)}` });
      return `${device} ${first}: ${hex(bytes)}`;
    },
    async [Symbol.asyncDispose]() {},
  };
};

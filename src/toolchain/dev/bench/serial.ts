import { loadPlayedDevices } from "../../../../providers/index.ts";
import { describeValue } from "../describe-value.ts";
import { isRecord, recordAt, textAfter, wrong, type OpenBench } from "./bench.ts";
import { listen } from "./modbus.ts";

/** Ports whose far end is here: what is sent to the component is typed, what it sends is shown. */
export const openSerialBench: OpenBench = async ({ wanted, emit }) => {
  const cables = (await loadPlayedDevices()).createPlayedCables();
  const ports = Object.entries(recordAt(wanted.config, "ports")).map(([label, port]) => {
    const path = isRecord(port) && typeof port["path"] === "string" ? port["path"] : "";
    const cable = cables.cable(path);
    void listen(cable, (chunk) =>
      emit({ kind: "device", device: `serial ${label}`, text: `got ${describeValue(chunk)}` }),
    );
    return [label, cable] as const;
  });
  const byLabel = new Map(ports);

  return {
    id: wanted.id,
    kind: "serial",
    type: "serial",
    config: wanted.config,
    factory: cables.serial,
    names: [...byLabel.keys()],
    usage: ["serial send PORT TEXT (with a line end)", "serial hex PORT BYTES"],
    describe: () => [...byLabel.keys()].map((label) => `serial ${label}`),
    async run([verb, label = ""], line) {
      const cable = byLabel.get(label);
      if (cable === undefined)
        throw wrong(`Cannot find the port "${label}": there is ${[...byLabel.keys()].join(", ")}`);
      const text = textAfter(line, 3);
      if (verb === "send") cable.write(`${text}\n`);
      else if (verb === "hex" && /^(?:[0-9a-f]{2}\s*)+$/i.test(text))
        cable.write(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
      else throw wrong(`Cannot "${verb ?? ""}" to a port: want send with a text, or hex with bytes such as 01 a0`);
      return `sent to ${label}`;
    },
    async [Symbol.asyncDispose]() {},
  };
};

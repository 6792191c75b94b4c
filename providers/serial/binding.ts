import { PetioleError, WitError, isPetioleError, type Binding, type Clock, type LinkContext } from "#provider";
import type { LinkConfig, PortConfig, SerialConfig } from "./config.ts";
import { createInbox } from "./inbox.ts";
import type { SerialDevice } from "./line/device.ts";
import type { OutputSignals } from "./line/terminal.ts";
import { waitOf, type Port, type SendFailure } from "./port.ts";
import { createReader, type Reader } from "./reader.ts";

export const PORT = "petiole:serial/port";
export const RAW = "petiole:serial/raw";
export const FRAME_HANDLER = "petiole:serial/frame-handler";

const NO_FAULTS = { break: false, framing: false, parity: false, overrun: false };

export interface BindingDeps {
  readonly config: SerialConfig;
  readonly ports: ReadonlyMap<string, Port>;
  readonly clock: Clock;
}

interface Granted {
  readonly port: Port;
  readonly settings: PortConfig;
}

/**
 * Serves one link.
 * @throws PetioleError ERR_LINK_INVALID when the link names a port that the provider does not have
 */
export function bindSerial(link: LinkContext<LinkConfig>, { config, ports, clock }: BindingDeps): Binding {
  const granted = new Map<string, Granted>();
  for (const label of link.config.ports) {
    const port = ports.get(label);
    const settings = config.ports[label];
    if (port === undefined || settings === undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot link "${link.component}" to serial port "${label}": found ${[...ports.keys()].join(", ")}`,
      );
    }
    granted.set(label, { port, settings });
  }
  if (link.direction === "exports") return deliverFrames(link, granted);

  const stack = new DisposableStack();
  const readers = new Map<string, Reader>();
  if (link.interfaces.includes(RAW)) {
    for (const [label, { port }] of granted) {
      const reader = createReader({ limit: link.config.read_buffer, clock });
      readers.set(label, reader);
      stack.use(port.tap(reader));
    }
  }
  const grant = (label: string): Granted => {
    const found = granted.get(label);
    if (found === undefined) throw new WitError({ tag: "not-granted" });
    return found;
  };
  const writable = (label: string): Port => {
    const { port } = grant(label);
    if (!link.config.write) throw new WitError({ tag: "not-permitted" });
    return port;
  };
  const send = async (label: string, bytes: Uint8Array): Promise<void> => check(await writable(label).send(bytes));
  return {
    functions: {
      [PORT]: {
        "list-ports": () => [...granted].map(([label, { port }]) => [label, port.present]),
        "send-frame": async (label: string, payload: Uint8Array) => check(await writable(label).sendFrame(payload)),
        "send-raw": send,
        exchange: async (label: string, payload: Uint8Array, timeout: bigint) => {
          const answer = await writable(label).exchange(payload, waitOf(timeout));
          if (typeof answer === "string") throw new WitError({ tag: answer });
          return answer;
        },
        drain: async (label: string) => check(await writable(label).drain()),
        "get-settings": (label: string) => lineSettings(grant(label).settings),
        "set-settings": (label: string) => {
          grant(label);
          throw new WitError({ tag: "unsupported" });
        },
        "get-signals": (label: string) => withDevice(grant(label).port, (device) => device.readSignals()),
        "set-signals": (label: string, signals: OutputSignals) =>
          withDevice(writable(label), (device) => device.driveSignals(signals)),
      },
      [RAW]: {
        read: async (label: string, max: number, timeout: bigint) => {
          grant(label);
          const reader = readers.get(label);
          if (reader === undefined) throw new WitError({ tag: "unsupported" });
          if (max === 0) throw new WitError({ tag: "invalid-argument" });
          const chunk = await reader.read(max, waitOf(timeout));
          if (typeof chunk === "string") throw new WitError({ tag: chunk });
          return { bytes: chunk.bytes, lost: BigInt(chunk.lost) };
        },
        write: send,
      },
    },
    [Symbol.asyncDispose]: async () => stack.dispose(),
  };
}

function withDevice<T>({ device }: Port, task: (device: SerialDevice) => T): T {
  if (device === undefined) throw new WitError({ tag: "disconnected" });
  try {
    return task(device);
  } catch (error) {
    const lacks = isPetioleError(error, "ERR_DEVICE_UNSUPPORTED") || isPetioleError(error, "ERR_DEVICE_ADDON");
    throw new WitError(lacks ? { tag: "unsupported" } : { tag: "other", val: String(error) });
  }
}

function deliverFrames(link: LinkContext<LinkConfig>, granted: ReadonlyMap<string, { readonly port: Port }>): Binding {
  const stack = new AsyncDisposableStack();
  for (const [label, { port }] of granted) {
    const inbox = stack.use(
      createInbox({
        label,
        limit: link.config.queue,
        log: link.log,
        handleFrame: async (frame, lost) =>
          await link.call(FRAME_HANDLER, "handle-frame", [{ ...frame, lost: BigInt(lost), faults: NO_FAULTS }]),
        handlePresence: async (present) => await link.call(FRAME_HANDLER, "handle-presence", [label, present]),
      }),
    );
    stack.use(port.attach(inbox));
  }
  return { functions: {}, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

function check(failure: SendFailure | undefined): void {
  if (failure !== undefined) throw new WitError({ tag: failure });
}

function lineSettings(config: PortConfig): Readonly<Record<string, unknown>> {
  return {
    baudRate: config.baud_rate,
    dataBits: config.data_bits,
    parity: config.parity,
    stopBits: config.stop_bits === 1 ? "one" : "two",
    flowControl: config.flow_control,
  };
}

import { PetioleError, WitError, type Binding, type LinkContext } from "#provider";
import type { LinkConfig, PortConfig, SerialConfig } from "./config.ts";
import { createInbox } from "./inbox.ts";
import type { Port, SendFailure } from "./port.ts";

export const PORT = "petiole:serial/port";
export const FRAME_HANDLER = "petiole:serial/frame-handler";

const NO_FAULTS = { break: false, framing: false, parity: false, overrun: false };

/**
 * Serves one link.
 * @throws PetioleError ERR_LINK_INVALID when the link names a port that the provider does not have
 */
export function bindSerial(
  link: LinkContext<LinkConfig>,
  config: SerialConfig,
  ports: ReadonlyMap<string, Port>,
): Binding {
  const granted = new Map<string, { readonly port: Port; readonly settings: PortConfig }>();
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

  const grant = (label: string): { readonly port: Port; readonly settings: PortConfig } => {
    const found = granted.get(label);
    if (found === undefined) throw new WitError({ tag: "not-granted" });
    return found;
  };
  const writable = (label: string): Port => {
    const { port } = grant(label);
    if (!link.config.write) throw new WitError({ tag: "not-permitted" });
    return port;
  };
  const unsupported = (label: string): never => {
    grant(label);
    throw new WitError({ tag: "unsupported" });
  };
  return {
    functions: {
      [PORT]: {
        "list-ports": () => [...granted].map(([label, { port }]) => [label, port.present]),
        "send-frame": async (label: string, payload: Uint8Array) => check(await writable(label).sendFrame(payload)),
        "send-raw": async (label: string, bytes: Uint8Array) => check(await writable(label).send(bytes)),
        drain: async (label: string) => check(await writable(label).drain()),
        "get-settings": (label: string) => lineSettings(grant(label).settings),
        "set-settings": unsupported,
        exchange: unsupported,
        "get-signals": unsupported,
        "set-signals": unsupported,
      },
    },
    [Symbol.asyncDispose]: async () => {},
  };
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

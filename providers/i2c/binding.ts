import { WitError, createInFlight, isPetioleError, reasonOf, type Binding, type LinkContext } from "#provider";
import { I2cError, MAX_LENGTH, MAX_OPERATIONS, type Bus, type Operation } from "./bus.ts";
import type { LinkConfig } from "./config.ts";

export const DEVICES = "petiole:i2c/devices";
export const I2C = "wasi:i2c/i2c";

/** `variant operation` of `wasi:i2c`. */
type WitOperation =
  | { readonly tag: "read"; readonly val: bigint }
  | { readonly tag: "write"; readonly val: Uint8Array };

/**
 * Serves one link. A handle is represented by the label that it was opened for; it is one to the bus, on which the
 * addresses of the link answer and no others.
 */
export function bindI2c({ config, log }: LinkContext<LinkConfig>, bus: Bus): Binding {
  const granted = new Map(Object.entries(config.devices));
  const addresses = new Set(granted.values());
  const calls = createInFlight();

  async function transact(address: number, operations: readonly Operation[]): Promise<readonly Uint8Array[]> {
    if (operations.length > MAX_OPERATIONS) throw failed(`more than ${MAX_OPERATIONS} operations in one transaction`);
    if (!addresses.has(address)) throw new WitError({ tag: "no-acknowledge", val: "address" });
    // The kernel refuses a transaction of nothing.
    if (operations.length === 0) return [];
    try {
      return await calls.track(bus.transfer(address, operations));
    } catch (error) {
      if (error instanceof I2cError) throw new WitError(error.reason);
      // The contract has one word for all of these; the log has the rest.
      if (isPetioleError(error)) throw failed(reasonOf(error));
      throw error;
    }
  }

  const failed = (reason: string): WitError => {
    log.warn("A transaction on the bus could not be made", { bus: bus.what, reason });
    return new WitError({ tag: "other" });
  };
  const read = (length: bigint): Operation => {
    if (length > BigInt(MAX_LENGTH)) throw failed(`a read of more than ${MAX_LENGTH} bytes`);
    return { tag: "read", length: Number(length) };
  };
  const write = (bytes: Uint8Array): Operation => {
    if (bytes.length > MAX_LENGTH) throw failed(`a write of more than ${MAX_LENGTH} bytes`);
    return { tag: "write", bytes };
  };

  function open(label: string): string {
    const address = granted.get(label);
    if (address === undefined) throw new WitError({ tag: "not-granted" });
    let claimed: boolean;
    try {
      claimed = bus.isClaimed(address);
    } catch (error) {
      if (isPetioleError(error, "ERR_DEVICE_MISSING")) throw new WitError({ tag: "disconnected" });
      throw isPetioleError(error) ? new WitError({ tag: "other", val: reasonOf(error) }) : error;
    }
    if (claimed) throw new WitError({ tag: "busy" });
    return label;
  }

  return {
    functions: {
      [DEVICES]: { "list-devices": () => [...granted], open },
      [I2C]: {
        "[method]i2c.transaction": async (_handle: string, address: number, operations: readonly WitOperation[]) =>
          await transact(
            address,
            operations.map((operation) => (operation.tag === "read" ? read(operation.val) : write(operation.val))),
          ),
        "[method]i2c.read": async (_handle: string, address: number, length: bigint) =>
          (await transact(address, [read(length)]))[0],
        "[method]i2c.write": async (_handle: string, address: number, data: Uint8Array) =>
          void (await transact(address, [write(data)])),
        "[method]i2c.write-read": async (_handle: string, address: number, data: Uint8Array, length: bigint) =>
          (await transact(address, [write(data), read(length)]))[0],
      },
    },
    [Symbol.asyncDispose]: async () => await calls.settled(),
  };
}

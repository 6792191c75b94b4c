import { I2cError, type Bus, type Operation } from "./bus.ts";
import type { SimulatedDevice } from "./config.ts";

/** A bus in memory, for trying a component without hardware, and for tests. */
export interface SimulatedBus extends Bus {
  /** Registers of a device, to change what it measures; undefined where there is none. */
  registers(address: number): Uint8Array | undefined;
  /** What comes from a device that answers; undefined takes it off the bus. */
  answer(address: number, written: Uint8Array, answer: Uint8Array): void;
  remove(address: number): void;
}

interface Device {
  write(bytes: Uint8Array): void;
  read(length: number): Uint8Array;
}

/** Most sensors: the first byte written is a register, what follows goes into it and the next; reads go on from there. */
class RegisterDevice implements Device {
  readonly registers = new Uint8Array(256);
  #pointer = 0;

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pointer = bytes[0] ?? 0;
    for (const byte of bytes.subarray(1)) this.registers[this.#pointer++ & 0xff] = byte;
  }

  read(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.registers[this.#pointer++ & 0xff] ?? 0);
  }
}

/** Sensors with commands: what was written last decides what is read, and a command without an answer has none. */
class AnsweringDevice implements Device {
  readonly answers: Map<string, Uint8Array>;
  #written = "";

  constructor(answers: Iterable<readonly [string, Uint8Array]> = []) {
    this.answers = new Map(answers);
  }

  write(bytes: Uint8Array): void {
    this.#written = Buffer.from(bytes).toString("hex");
  }

  read(length: number): Uint8Array {
    const answer = this.answers.get(this.#written);
    if (answer === undefined) throw noAcknowledge("has nothing to say");
    // A bus that nobody drives reads as ones.
    return Uint8Array.from({ length }, (_, index) => answer[index] ?? 0xff);
  }
}

const noAcknowledge = (reason: string): I2cError =>
  new I2cError({ tag: "no-acknowledge", val: "address" }, `The device ${reason}`);

export function createSimulatedBus(devices: ReadonlyMap<number, SimulatedDevice>): SimulatedBus {
  const present = new Map<number, RegisterDevice | AnsweringDevice>();
  const answering = (address: number): AnsweringDevice => {
    const there = present.get(address);
    if (there instanceof AnsweringDevice) return there;
    const device = new AnsweringDevice();
    present.set(address, device);
    return device;
  };
  for (const [address, { registers, answers }] of devices) {
    if (registers !== undefined) {
      const device = new RegisterDevice();
      for (const [register, bytes] of registers) device.registers.set(bytes.subarray(0, 256 - register), register);
      present.set(address, device);
    }
    if (answers !== undefined) present.set(address, new AnsweringDevice(answers));
  }

  const perform = (device: Device, operation: Operation): Uint8Array[] => {
    if (operation.tag === "read") return [device.read(operation.length)];
    device.write(operation.bytes);
    return [];
  };

  return {
    what: "the simulated bus",
    open: () => {},
    isClaimed: () => false,
    async transfer(address, operations) {
      const device = present.get(address);
      if (device === undefined) throw noAcknowledge("is not there");
      return operations.flatMap((operation) => perform(device, operation));
    },
    registers: (address) => {
      const device = present.get(address);
      return device instanceof RegisterDevice ? device.registers : undefined;
    },
    answer: (address, written, answer) =>
      void answering(address).answers.set(Buffer.from(written).toString("hex"), answer),
    remove: (address) => void present.delete(address),
    async [Symbol.asyncDispose]() {},
  };
}

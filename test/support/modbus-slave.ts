// A Modbus RTU device, made from the specification and not from the client under test: all of its functions, its own
// checksum (by table, where the client goes bit by bit), and what it holds.

export interface SlaveMemory {
  readonly coils: boolean[];
  readonly discrete: readonly boolean[];
  readonly holding: number[];
  readonly input: readonly number[];
}

/** What every device of the tests holds at the start; nothing beyond address 199. */
export const SLAVE_SIZE = 200;
export const initialMemory = (): SlaveMemory => ({
  coils: Array.from({ length: SLAVE_SIZE }, (_, i) => i % 3 === 0),
  discrete: Array.from({ length: SLAVE_SIZE }, (_, i) => i % 2 === 0),
  holding: Array.from({ length: SLAVE_SIZE }, (_, i) => i * 3),
  input: Array.from({ length: SLAVE_SIZE }, (_, i) => 1000 + i),
});

export interface SlaveOptions {
  readonly unit: number;
  readonly memory: SlaveMemory;
  readonly send: (bytes: Uint8Array) => void;
}

export interface Slave {
  /** Requests for this device, broadcasts too, as they came. */
  readonly requests: readonly Uint8Array[];
  /** Frames with a wrong checksum. */
  readonly faults: number;
  receive(chunk: Uint8Array): void;
  /** Does something else with the next answers than sending them, one after another. */
  disturb(...disturbances: readonly ((answer: Uint8Array) => void)[]): void;
}

const TABLE = Uint16Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xa001 : value >>> 1;
  return value;
});

function checksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum >>> 8) ^ (TABLE[(sum ^ byte) & 0xff] ?? 0), 0xffff);
}

/** The device's answer with its checksum; also for tests that make answers up. */
export function sealed(bytes: readonly number[]): Buffer {
  const sum = checksum(Uint8Array.from(bytes));
  return Buffer.from([...bytes, sum & 0xff, sum >>> 8]);
}

class ModbusException extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exception ${code}`);
    this.code = code;
  }
}

export function createModbusSlave({ unit, memory, send }: SlaveOptions): Slave {
  const requests: Uint8Array[] = [];
  const disturbances: ((answer: Uint8Array) => void)[] = [];
  let received = Buffer.alloc(0);
  let faults = 0;

  const area = <T>(cells: readonly T[], address: number, count: number, most: number): readonly T[] => {
    if (count < 1 || count > most) throw new ModbusException(3);
    if (address + count > cells.length) throw new ModbusException(2);
    return cells.slice(address, address + count);
  };
  const put = <T>(cells: T[], address: number, values: readonly T[], most: number): void => {
    area(cells, address, values.length, most);
    cells.splice(address, values.length, ...values);
  };
  const packed = (bits: readonly boolean[]): number[] => {
    const bytes = Array.from<number>({ length: Math.ceil(bits.length / 8) }).fill(0);
    bits.forEach((bit, i) => {
      if (bit) bytes[Math.floor(i / 8)]! += 2 ** (i % 8);
    });
    return [bytes.length, ...bytes];
  };
  const words = (values: readonly number[]): number[] => [
    values.length * 2,
    ...values.flatMap((value) => [value >>> 8, value & 0xff]),
  ];

  /** Function and data of the answer. */
  const carryOut = (pdu: Buffer): readonly number[] => {
    const code = pdu.readUInt8(0);
    const address = pdu.readUInt16BE(1);
    const second = pdu.readUInt16BE(3);
    switch (code) {
      case 1:
        return [code, ...packed(area(memory.coils, address, second, 2000))];
      case 2:
        return [code, ...packed(area(memory.discrete, address, second, 2000))];
      case 3:
        return [code, ...words(area(memory.holding, address, second, 125))];
      case 4:
        return [code, ...words(area(memory.input, address, second, 125))];
      case 5:
        if (second !== 0xff00 && second !== 0) throw new ModbusException(3);
        put(memory.coils, address, [second === 0xff00], 1);
        return [...pdu.subarray(0, 5)];
      case 6:
        put(memory.holding, address, [second], 1);
        return [...pdu.subarray(0, 5)];
      case 15: {
        if (pdu.readUInt8(5) !== Math.ceil(second / 8)) throw new ModbusException(3);
        const bits = Array.from({ length: second }, (_, i) => (pdu.readUInt8(6 + (i >>> 3)) >>> (i & 7)) % 2 === 1);
        put(memory.coils, address, bits, 1968);
        return [...pdu.subarray(0, 5)];
      }
      case 16: {
        if (pdu.readUInt8(5) !== second * 2) throw new ModbusException(3);
        const values = Array.from({ length: second }, (_, i) => pdu.readUInt16BE(6 + 2 * i));
        put(memory.holding, address, values, 123);
        return [...pdu.subarray(0, 5)];
      }
      default:
        throw new ModbusException(1);
    }
  };

  const answer = (frame: Buffer): void => {
    const addressed = frame.readUInt8(0);
    if (addressed !== unit && addressed !== 0) return;
    requests.push(Uint8Array.from(frame));
    const pdu = frame.subarray(1, -2);
    let result: readonly number[];
    try {
      result = carryOut(pdu);
    } catch (error) {
      if (!(error instanceof ModbusException)) throw error;
      result = [pdu.readUInt8(0) | 0x80, error.code];
    }
    if (addressed === 0) return;
    const bytes = sealed([unit, ...result]);
    const disturbance = disturbances.shift() ?? send;
    disturbance(bytes);
  };

  /** Undefined while the length is not known. A device on a real line goes by silences; a loaded machine has too many. */
  const lengthOf = (frame: Buffer): number | undefined => {
    if (frame.length < 7) return undefined;
    const code = frame.readUInt8(1);
    return code === 15 || code === 16 ? 9 + frame.readUInt8(6) : 8;
  };

  return {
    requests,
    get faults() {
      return faults;
    },
    disturb: (...more) => void disturbances.push(...more),
    receive(chunk) {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const length = lengthOf(received);
        if (length === undefined || received.length < length) return;
        const frame = received.subarray(0, length);
        received = received.subarray(length);
        if (checksum(frame) === 0) answer(frame);
        else faults += 1;
      }
    },
  };
}

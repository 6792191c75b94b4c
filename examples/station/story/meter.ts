// The meter of the pump: a Modbus device at the far end of a cable, which counts its readings and knows what it has answered.

import { createModbusSlave } from "../../../test/support/modbus-slave.ts";
import { openPty } from "../../../test/support/pty.ts";

/** As the manifest has it. */
const UNIT = 7;

export interface MeterReading {
  /** The meter's own count. */
  readonly seq: number;
  readonly pressure: number;
  readonly flow: number;
  /** When it was answered, in milliseconds of this process. */
  readonly at: number;
}

export interface Meter extends AsyncDisposable {
  /** The serial port at the near end. */
  readonly path: string;
  /** What it has answered, oldest first. */
  readonly sent: readonly MeterReading[];
  /** It has readings from here on. Before, a device is asked for what it does not have, and says so. */
  start(): void;
  /** While true, the pressure is far too low. */
  leak: boolean;
  /** Makes one reading a spike that means nothing. */
  spike(): void;
  /** It answers nothing from here on. */
  silence(): void;
}

export function openMeter(): Meter {
  const sent: MeterReading[] = [];
  const input: number[] = [];
  let [started, leak, spiking, silent] = [false, false, false, false];

  /** Puts the next reading into the registers: hundredths of a bar, and tenths of a litre a second. */
  const measure = (): Omit<MeterReading, "at"> => {
    const seq = sent.length + 1;
    const wave = Math.round(2 * Math.sin(seq * 1.3));
    const pressure = spiking ? 900 : (leak ? 260 : 400) + wave;
    const flow = 125 + Math.round(2 * Math.sin(seq * 0.7));
    input.splice(0, 4, Math.floor(seq / 65_536), seq % 65_536, pressure, flow);
    return { seq, pressure: pressure / 100, flow: flow / 10 };
  };
  const slave = createModbusSlave({
    unit: UNIT,
    memory: { coils: [], discrete: [], holding: [], input },
    send: (bytes) => cable.write(bytes),
  });
  const cable = openPty({
    onData(chunk) {
      if (silent) return;
      if (!started) return slave.receive(chunk);
      const before = slave.requests.length;
      // An answer has what is in the registers when the request is there.
      const reading = measure();
      slave.receive(chunk);
      if (slave.requests.length === before) return;
      sent.push({ ...reading, at: performance.now() });
      spiking = false;
    },
  });
  return {
    path: cable.path,
    sent,
    start() {
      started = true;
    },
    get leak() {
      return leak;
    },
    set leak(wanted) {
      leak = wanted;
    },
    spike() {
      spiking = true;
    },
    silence() {
      silent = true;
    },
    [Symbol.asyncDispose]: async () => await cable[Symbol.asyncDispose](),
  };
}

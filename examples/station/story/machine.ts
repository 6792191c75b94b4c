// The pump's vibration sensor: windows of samples over MQTT.

import { repeat } from "../../../scripts/stage/wait.ts";
import type { MqttSender } from "../../../scripts/stage/sensors.ts";
import { judge, type Judged } from "../components/vibration/src/vibration.ts";
import { encodeWindow, parseWindow } from "../components/vibration/src/window.ts";

export const SAMPLES = 2048;
const RATE = 3200;
/** Milliseconds between windows. */
const INTERVAL = 400;
/** What one step of a sample is. */
const STEP = 0.001;
/** Hertz, at which the pump turns, and a worn bearing shakes. */
export const ROTATION = 49;
export const BEARING = 120.5;
/** As the manifest has it. */
const BAND = { from: 110, to: 130, limit: 0.5 };

export interface Machine {
  /** What follows from each window that was sent. */
  readonly sent: readonly Judged[];
  worn: boolean;
  run(stop: AbortSignal): Promise<void>;
}

export function createMachine(sender: MqttSender): Machine {
  const sent: Judged[] = [];
  const machine = {
    sent,
    worn: false,
    run: async (stop: AbortSignal): Promise<void> =>
      await repeat(INTERVAL, stop, async () => {
        const seq = sent.length + 1;
        const body = encodeWindow({ seq, rate: RATE, samples: vibrate(seq, machine.worn ? 1.2 : 0.2) }, STEP);
        await sender.send("vibration/pump", Buffer.from(body));
        sent.push(judge(parseWindow(body), BAND));
      }),
  };
  return machine;
}

function vibrate(seq: number, bearing: number): Float64Array {
  return Float64Array.from({ length: SAMPLES }, (_, i) => {
    const turn = (2 * Math.PI * (i + seq * 37)) / RATE;
    // A little of everything else, different in each sample.
    const noise = 0.05 * Math.sin((i + seq) * (i % 97));
    return 2 * Math.sin(ROTATION * turn) + bearing * Math.sin(BEARING * turn) + noise;
  });
}

// Two sensors that speak to the device as real ones do.

import mqtt from "mqtt";
import type { Pty } from "../../test/support/pty.ts";
import type { SentReading } from "./expected.ts";
import { repeat, untilAborted, withinLimit } from "../stage/wait.ts";

const ACK_LIMIT_MS = 10_000;

export interface SensorPlan {
  readonly sensor: string;
  /** Milliseconds between readings. */
  readonly interval: number;
  /** The value to send now. */
  readonly measure: () => number;
}

export interface Sensor {
  /** What has been sent so far, oldest first. */
  readonly sent: readonly SentReading[];
  /** Sends until `stop` is aborted. Rejects when the device does not take a reading. */
  run(stop: AbortSignal): Promise<void>;
}

/** A cable into a serial port: a line for each reading, with no way to know who reads it. */
export function createSerialSensor(plan: SensorPlan, cable: Pty): Sensor {
  const sent: SentReading[] = [];
  return {
    sent,
    run: (stop) =>
      repeat(plan.interval, stop, async () => {
        const reading = { sensor: plan.sensor, seq: sent.length + 1, value: plan.measure() };
        cable.write(`${reading.sensor},${reading.seq},${reading.value}\n`);
        sent.push(reading);
      }),
  };
}

/** An MQTT client. A reading counts as sent when the broker acknowledged it (QoS 1). */
export async function connectMqttSensor(
  plan: SensorPlan,
  url: string,
  signal: AbortSignal,
): Promise<Sensor & AsyncDisposable> {
  const client = mqtt.connect(url, { clientId: `demo-${plan.sensor}`, clean: true });
  const connected = Promise.withResolvers<void>();
  client.once("connect", () => connected.resolve());
  const failed = new AbortController();
  client.on("error", (error) => {
    connected.reject(error);
    failed.abort(error);
  });
  const close = async (): Promise<void> => await client.endAsync(true);
  try {
    await untilAborted(connected.promise, signal);
  } catch (error) {
    await close();
    throw error;
  }
  const sent: SentReading[] = [];
  return {
    sent,
    run: (stop) =>
      repeat(plan.interval, stop, async () => {
        failed.signal.throwIfAborted();
        const reading = { sensor: plan.sensor, seq: sent.length + 1, value: plan.measure() };
        await withinLimit(
          `the broker's acknowledgement of reading ${reading.seq} of "${plan.sensor}"`,
          ACK_LIMIT_MS,
          client.publishAsync(`sensors/${plan.sensor}`, JSON.stringify(reading), { qos: 1 }),
        );
        sent.push(reading);
      }),
    [Symbol.asyncDispose]: close,
  };
}

// Sensors that speak to the device as real ones do.

import mqtt from "mqtt";
import type { Pty } from "../../test/support/pty.ts";
import { repeat, untilAborted, withinLimit } from "../stage/wait.ts";

const ACK_LIMIT_MS = 30_000;

export interface SentReading {
  readonly sensor: string;
  readonly seq: number;
  readonly value: number;
}

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

export interface MqttSender extends AsyncDisposable {
  /** Resolves when the broker acknowledged the message (QoS 1). */
  send(topic: string, body: string | Buffer): Promise<void>;
}

/** An MQTT client that sends. Rejects when there is no broker, or `signal` is aborted first. */
export async function connectMqttSender(name: string, url: string, signal: AbortSignal): Promise<MqttSender> {
  const client = mqtt.connect(url, { clientId: name, clean: true });
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
  return {
    async send(topic, body) {
      failed.signal.throwIfAborted();
      const sending = client.publishAsync(topic, body, { qos: 1 });
      await withinLimit(`the broker's acknowledgement of a message on "${topic}"`, ACK_LIMIT_MS, sending);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** A sensor that speaks MQTT. A reading counts as sent when the broker acknowledged it. */
export function createMqttSensor(plan: SensorPlan, sender: MqttSender): Sensor {
  const sent: SentReading[] = [];
  return {
    sent,
    run: (stop) =>
      repeat(plan.interval, stop, async () => {
        const reading = { sensor: plan.sensor, seq: sent.length + 1, value: plan.measure() };
        await sender.send(`sensors/${plan.sensor}`, JSON.stringify(reading));
        sent.push(reading);
      }),
  };
}

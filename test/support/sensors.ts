import mqtt, { type MqttClient } from "mqtt";

/** What a sensor knows of its readings: which the broker acknowledged, and which were sent without an answer. */
export interface SensorLog {
  readonly acknowledged: ReadonlySet<number>;
  readonly uncertain: ReadonlySet<number>;
}

export interface MqttSensor extends AsyncDisposable {
  readonly name: string;
  readonly log: SensorLog;
  /** Ends the load; resolves when the last reading was answered or given up. */
  stop(): Promise<void>;
}

const ANSWER_LIMIT_MS = 15_000;

/**
 * A sensor that publishes numbered readings with QoS 1, the next one when the one before was acknowledged. When the
 * connection breaks it counts the open reading as uncertain, connects again and goes on with the next number: it never
 * sends one twice, so a duplicate at the hub is the agent's.
 */
export function startMqttSensor(name: string, url: string, pause = 5): MqttSensor {
  const acknowledged = new Set<number>();
  const uncertain = new Set<number>();
  const stop = new AbortController();
  const loop = run();

  async function run(): Promise<void> {
    for (let seq = 1; !stop.signal.aborted;) {
      const client = mqtt.connect(url, { clientId: `sensor-${name}`, reconnectPeriod: 0, connectTimeout: 1000 });
      client.on("error", () => {});
      try {
        await answered(client, new Promise((resolve) => client.once("connect", resolve)));
        while (!stop.signal.aborted) {
          uncertain.add(seq);
          const payload = JSON.stringify({ sensor: name, seq, value: 20 + (seq % 10) });
          await answered(client, client.publishAsync(`sensors/${name}`, payload, { qos: 1 }));
          uncertain.delete(seq);
          acknowledged.add(seq++);
          await new Promise((resolve) => setTimeout(resolve, pause));
        }
      } catch {
        if (uncertain.has(seq)) seq++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        client.end(true);
      }
    }
  }

  return {
    name,
    log: { acknowledged, uncertain },
    async stop() {
      stop.abort();
      await loop;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await loop;
    },
  };
}

/** Waits for `work`, and rejects when the connection ends before it is done, or nothing comes for long. */
async function answered(client: MqttClient, work: Promise<unknown>): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const onClose = (): void => failed.reject(new Error("the broker closed the connection"));
  const timer = setTimeout(() => failed.reject(new Error("the broker does not answer")), ANSWER_LIMIT_MS);
  client.once("close", onClose);
  try {
    await Promise.race([work, failed.promise]);
  } finally {
    clearTimeout(timer);
    client.off("close", onClose);
  }
}

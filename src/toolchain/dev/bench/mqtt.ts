import type { MqttClient } from "mqtt";
import { describeValue } from "../describe-value.ts";
import { isRecord, recordAt, textAfter, wrong, type OpenBench } from "./bench.ts";
import { freePort, portOf } from "./free-port.ts";

/** What a provider has whatever broker it uses. */
const KEPT = ["link_grace", "max_packet", "inbox"] as const;
const CLIENT_ID = "petiole-dev";
const MOST_OWN = 64;

/** A broker in the agent's process, and a client of it: publishes what is typed, and shows all that is published. */
export const openMqttBench: OpenBench = async ({ wanted, emit }) => {
  const raw = isRecord(wanted.config) ? wanted.config : {};
  const port = await freePort(portOf(recordAt(raw, "broker")["listen"]));
  const kept = KEPT.filter((key) => key in raw).map((key) => [key, raw[key]]);
  /** Published from here and not come back yet: it is no news. */
  const own: string[] = [];
  let client: MqttClient | undefined;

  /** The broker begins and ends with the agent; the client waits for it. */
  async function connected(): Promise<MqttClient> {
    if (client !== undefined) return client;
    const { connect } = await import("mqtt");
    const made = connect(`mqtt://127.0.0.1:${port}`, { clientId: CLIENT_ID, reconnectPeriod: 200 });
    client = made;
    made.on("error", () => {});
    made.on("connect", () => made.subscribe("#", () => {}));
    made.on("message", (topic, payload) => {
      const at = own.indexOf(`${topic} ${payload.toString("latin1")}`);
      if (at >= 0) own.splice(at, 1);
      else emit({ kind: "device", device: `mqtt ${topic}`, text: describeValue(payload) });
    });
    return made;
  }
  await connected();

  return {
    id: wanted.id,
    kind: "mqtt",
    type: "mqtt",
    config: { ...Object.fromEntries(kept), broker: { listen: `127.0.0.1:${port}` } },
    linkConfig: (config) => {
      const { via: _other, ...rest } = isRecord(config) ? config : {};
      return rest;
    },
    names: [],
    usage: ["mqtt publish TOPIC TEXT"],
    describe: () => [`mqtt broker  mqtt://127.0.0.1:${port}`],
    async run([verb, topic], line) {
      if (verb !== "publish" || topic === undefined || /[+#]/.test(topic)) {
        throw wrong("Cannot do that with MQTT: want publish TOPIC TEXT, with a topic without + and #");
      }
      const text = textAfter(line, 3);
      own.push(`${topic} ${Buffer.from(text).toString("latin1")}`);
      if (own.length > MOST_OWN) own.shift();
      await (await connected()).publishAsync(topic, text, { qos: 1 });
      return `published to ${topic}`;
    },
    async [Symbol.asyncDispose]() {
      await client?.endAsync(true);
    },
  };
};

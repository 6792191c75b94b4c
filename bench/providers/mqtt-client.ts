import { connect as connectTcp } from "node:net";
import { MqttClient } from "mqtt";

/** mqtt.js leaves small packets to wait for each other, 40 ms each; what is measured is to be something else. */
export async function connectPromptly(url: string, clientId: string): Promise<MqttClient> {
  const { hostname: host, port } = new URL(url);
  const client = new MqttClient(() => connectTcp({ host, port: Number(port), noDelay: true }), { clientId });
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  return client;
}

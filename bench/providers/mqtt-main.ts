// Started by mqtt.ts as a process of its own: passes messages on with mqtt.js alone.

import { connectPromptly } from "./mqtt-client.ts";

const [url = ""] = process.argv.slice(2);
const client = await connectPromptly(url, "plain");
client.on("message", (_topic, body) => client.publish("bench/out", body, { qos: 1 }));
await client.subscribeAsync("bench/in", { qos: 1 });
console.log("ready");

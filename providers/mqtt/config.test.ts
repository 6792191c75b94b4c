import { describe, test } from "vitest";
import { seconds } from "../../src/domain/units.ts";
import { providerDeps } from "../../test/support/provider-rig.ts";
import { createMqttProvider } from "./index.ts";

describe("MQTT configuration", () => {
  const provider = createMqttProvider(providerDeps());
  const parseConfig = (raw: unknown) => provider.parseConfig(raw);
  const parseLinkConfig = (raw: unknown) => provider.parseLinkConfig(raw);

  test("parseConfig() fills in the defaults", ({ expect }) => {
    expect(parseConfig({ url: "mqtt://broker:1883" })).toMatchObject({
      clean: false,
      keep_alive: seconds(60),
      protocol: "3.1.1",
    });
    expect(parseConfig({ broker: {} }).broker).toMatchObject({ listen: "127.0.0.1:1883", users: [] });
  });

  test.for([
    [{}, /url/],
    [{ url: "http://broker" }, /url/],
    [{ url: "mqtt://user:secret@broker" }, /url/],
    [{ url: "mqtt://b", keep_alive: "1s" }, /keep_alive/],
    [{ url: "mqtt://b", tls: { cert_file: "/c.pem" } }, /tls/],
    [{ url: "mqtt://b", password_file: "secret" }, /password_file/],
    [{ broker: { listen: "1883" } }, /broker\.listen/],
    [{ broker: { listen: "0.0.0.0:1883" } }, /broker\.users/],
    [{ broker: { listen: "[::]:1883" } }, /broker\.users/],
  ] as const)("parseConfig() refuses %j", ([config, path], { expect }) => {
    expect(() => parseConfig(config)).toThrow(path);
  });

  test.for([
    { listen: "127.0.0.1:0" },
    { listen: "localhost:1883" },
    { listen: "[::1]:1883" },
    { listen: "0.0.0.0:1883", allow_anonymous: true },
    { listen: "0.0.0.0:1883", users: [{ username: "u", password_file: "/p" }] },
  ])("parseConfig() takes the broker %j", (broker, { expect }) => {
    expect(parseConfig({ broker }).broker).toMatchObject(broker);
  });

  test("parseLinkConfig() refuses wrong filters and QoS", ({ expect }) => {
    const parse = (subscription: object) => () => parseLinkConfig({ subscriptions: [subscription] });
    expect(parse({ topic: "a/#/b" })).toThrow(/subscriptions\[0\]\.topic/);
    expect(parse({ topic: "a", qos: 3 })).toThrow(/subscriptions\[0\]\.qos/);
    expect(parse({ topic: "a" })()).toMatchObject({ subscriptions: [{ topic: "a", qos: 1 }] });
  });
});

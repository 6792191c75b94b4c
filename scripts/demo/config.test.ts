import { describe, test } from "vitest";
import { parseConfigSource } from "../../src/config/parse.ts";
import { checkProviders } from "../../src/daemon/check-providers.ts";
import { renderConfig } from "./config.ts";
import { SETTINGS } from "./profile.ts";

describe("renderConfig()", () => {
  test("writes what the agent and its providers take", async ({ expect }) => {
    const text = renderConfig({
      folder: "/tmp/petiole-demo-abc123",
      hubUrl: "nats-leaf://127.0.0.1:7422",
      domain: "hub",
      natsServer: "/usr/bin/nats-server",
      leafPort: 4222,
      monitorPort: 8222,
      brokerPort: 1883,
      serialPort: "/dev/pts/1",
      chipSocket: "/tmp/petiole-demo-abc123/chip.sock",
    });
    const parsed = parseConfigSource(text, "/tmp/petiole-demo-abc123/petiole.yaml");
    await checkProviders(parsed);
    const { components } = parsed.config;
    expect(components["smoother"]?.config).toEqual({
      factor: String(SETTINGS.factor),
      limit: String(SETTINGS.limit),
      hysteresis: String(SETTINGS.hysteresis),
    });
    expect(Object.keys(components)).toEqual(["smoother", "button-lamp"]);
  });
});

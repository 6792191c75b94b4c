// npm run example -- kvcounter: counters behind HTTP, on a device.

import { fileURLToPath } from "node:url";
import { buildExamples } from "../../scripts/stage/components.ts";
import { startDevice } from "../../scripts/stage/device.ts";
import type { Example } from "../../scripts/stage/example.ts";
import { adaptManifest } from "../../scripts/stage/manifest.ts";
import { freePort } from "../../test/support/ports.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

export const example: Example = {
  summary: "HTTP in front, a key-value store behind: counters that survive restarts",
  async play(stage) {
    const { screen } = stage;
    screen.heading("kvcounter: a count behind HTTP");
    await buildExamples(stage, ["examples/kvcounter"]);
    const device = await startDevice(stage, { id: "gw-1" });
    const address = `127.0.0.1:${await freePort()}`;
    const url = `http://${address}/counters/door`;
    const manifest = await adaptManifest(stage, `${FOLDER}application.yaml`, { "127.0.0.1:8080": address });

    screen.heading("Deployed from its manifest, it counts");
    await device.type("deploy", manifest);
    const post = async (): Promise<number> => {
      screen.command(device.id, `curl -X POST ${url}`);
      const response = await fetch(url, { method: "POST" });
      const text = await response.text();
      screen.output(text);
      return (JSON.parse(text) as { readonly count: number }).count;
    };
    await post();
    const before = await post();

    screen.heading("The power fails, and comes back");
    await device.stop("power-cut");
    await device.start();
    const after = await post();
    screen.verdict(after === before + 1, `It went on from ${before} to ${after}`);
    return {
      ok: after === before + 1,
      hints: [
        ["counter", `curl -X POST ${url}`],
        ["status", device.hint("status")],
      ],
    };
  },
};

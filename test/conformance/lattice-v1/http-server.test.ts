// Pins: a link of the lattice opens the address that it names, and serves the component of the link there, without a
// request lost when the component is started anew.

import { test } from "vitest";
import { exampleComponent } from "../../support/agent.ts";
import { freePort } from "../../support/ports.ts";
import { waitFor } from "../../support/wait-for.ts";
import { link, scaleCommand, startLatticeRig, startProviderCommand } from "./support.ts";

test("an address in a link's source_config is served, and follows its configuration", async ({ expect }) => {
  await using rig = await startLatticeRig();
  const [first, second] = [await freePort(), await freePort()];
  const ask = async (port: number): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/counters/door`, { method: "POST" })).status;
  const answers = async (port: number): Promise<void> => {
    await waitFor(`an answer at ${port}`, async () => (await ask(port)) === 200);
  };
  await rig.ask("config.put.listen", { address: `127.0.0.1:${first}` });
  await rig.ask("config.put.app", { version: "1" });
  // However slow the machine is that this runs on.
  await rig.ask("config.put.web", { link_grace: "5m" });
  const component = {
    component_ref: `file://${exampleComponent("kvcounter")}`,
    component_id: "counter",
    config: ["app"],
  };
  await rig.ask("component.scale.{h}", scaleCommand(rig, component));
  await rig.ask("provider.start.{h}", startProviderCommand(rig, {}));
  const web = { provider_id: "web", provider_ref: "petiole://http-server", config: ["web"] };
  await rig.ask("provider.start.{h}", startProviderCommand(rig, web));
  await rig.ask("link.put", link({ source_id: "counter" }));
  const http = { source_id: "web", target: "counter", wit_package: "http", interfaces: ["incoming-handler"] };
  await rig.ask("link.put", link({ ...http, source_config: ["listen"] }));
  await answers(first);
  const statuses: number[] = [];
  const over = new AbortController();
  const load = (async () => {
    while (!over.signal.aborted) statuses.push(await ask(first));
  })();
  await rig.ask("config.put.app", { version: "2" });
  await waitFor("the new start", () => rig.agent.output().split('"msg":"Component started"').length > 2);
  const soFar = statuses.length;
  await waitFor("answers of the new one", () => statuses.length > soFar + 1);
  over.abort();
  await load;
  expect(new Set(statuses)).toEqual(new Set([200]));
  await rig.ask("config.put.listen", { address: `127.0.0.1:${second}` });
  await answers(second);
  expect(rig.agent.output()).not.toContain('"level":"error"');
});

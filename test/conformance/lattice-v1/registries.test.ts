// Contract: a registry's log-in that the lattice hands out opens it for the images that the lattice wants.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { push } from "../../support/artifacts.ts";
import { fixtureComponent } from "../../support/agent.ts";
import { tempFolder } from "../../support/processes.ts";
import { startRegistry, testRegistryBinary } from "../../support/registry.ts";
import { startLatticeRig } from "./support.ts";

const binary = await testRegistryBinary();
const [user, password] = ["device-7", "s3cret: with a colon"];
// Of the password, as htpasswd -B writes it.
const HTPASSWD = "$2y$04$9A7El/etrDU565FcaiDil.s3/f0o5a2DTEGaQtCRRRoRA8AaBDqFe";

test.skipIf(binary === undefined)(
  "an image behind a password is fetched with what registry.put gave",
  async ({ expect }) => {
    await using folder = await tempFolder();
    const path = join(folder.path, "htpasswd");
    await writeFile(path, `${user}:${HTPASSWD}\n`);
    await using registry = await startRegistry({
      binary: binary!,
      config: { auth: { htpasswd: { realm: "test", path } } },
    });
    const image = `${registry.host}/closed/app:1`;
    await push(image, await readFile(fixtureComponent("wasi")), { user, password, insecure: true });
    await using rig = await startLatticeRig({
      config: { artifacts: { registries: { [registry.host]: { insecure: true } } } },
    });
    const command = { component_id: "app", component_ref: image, count: 1 };

    const failed = rig.next("component_scale_failed");
    await rig.ask("component.scale.{h}", command);
    expect((await failed).data["error"]).toMatch(/401|credentials/);

    const login = { [registry.host]: { username: user, password, registryType: "oci" } };
    expect(await rig.ask("registry.put", login)).toMatchObject({ success: true });
    const scaled = rig.next("component_scaled");
    await rig.ask("component.scale.{h}", command);
    expect((await scaled).data).toMatchObject({ component_id: "app", image_ref: image });
    expect(rig.agent.output()).not.toContain(password);
  },
);

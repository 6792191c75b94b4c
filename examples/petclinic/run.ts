// npm run example -- petclinic: a clinic on a device, of five components, with its records in SQLite or PostgreSQL.

import { buildExamples } from "../../scripts/stage/components.ts";
import { startDevice, type Device } from "../../scripts/stage/device.ts";
import type { Example } from "../../scripts/stage/example.ts";
import type { Ending, Stage } from "../../scripts/stage/perform.ts";
import { waitUntil } from "../../scripts/stage/wait.ts";
import { startPostgres, testPostgresFolder, type TestPostgres } from "../../test/support/postgres.ts";
import { deployClinic } from "./story/deploy.ts";
import { createPatient } from "./story/patient.ts";

const READY_LIMIT_MS = 60_000;

export const example: Example = {
  summary: "a web page, an API and a component for each domain; records in SQLite",
  switches: { postgres: "records in PostgreSQL" },
  async play(stage, on) {
    const { screen } = stage;
    screen.heading("petclinic: owners, pets, vets and visits");
    await buildExamples(stage, ["examples/petclinic"]);
    const postgres = on.has("postgres") ? await obtainPostgres(stage) : undefined;
    const device = await startDevice(stage, { id: "gw-1" });

    screen.heading(
      `Deployed from its manifest, with its records in ${postgres === undefined ? "SQLite" : "PostgreSQL"}`,
    );
    const url = await deployClinic(device, { folder: stage.folder, ...(postgres !== undefined && { postgres }) });
    return await visit(stage, device, url);
  },
};

async function obtainPostgres({ screen, own }: Stage): Promise<TestPostgres> {
  const folder = await testPostgresFolder();
  if (folder === undefined) throw new Error("There is no PostgreSQL on this machine");
  const start = async (): Promise<TestPostgres> => own(await startPostgres({ folder }));
  return await screen.task("PostgreSQL", start, ({ port }) => `at 127.0.0.1:${port}`);
}

async function visit({ screen, signal }: Stage, device: Device, url: string): Promise<Ending> {
  const patient = createPatient(url, signal, (command, output) => {
    screen.command(device.id, command);
    screen.output(output);
  });

  screen.heading("A new patient");
  await patient.lookForVets();
  await patient.mistype();
  const { owner, expected } = await patient.register();

  screen.heading("The power fails, and comes back");
  await device.stop("power-cut");
  await device.start();
  // The agent runs before the last of its links is there.
  const wait = { every: 250, within: READY_LIMIT_MS, signal };
  const found = await waitUntil("the clinic to answer", () => patient.read(owner), wait);
  const ok = JSON.stringify(found) === JSON.stringify(expected);
  screen.verdict(ok, ok ? "Owner, pet and visit are as they were entered" : `Expected ${JSON.stringify(expected)}`);
  return {
    ok,
    hints: [
      ["page", `${url}/`],
      ["API", `curl ${url}/api/owners`],
      ["application", device.hint("apps", "petclinic")],
    ],
  };
}

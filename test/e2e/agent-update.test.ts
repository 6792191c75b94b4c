// An agent that updates itself, from the release that a developer packs to the version that runs: with the launcher, and
// with petioles made from the sources in place of packaged executables.

import { readFile, writeFile } from "node:fs/promises";
import { describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import { VERSION } from "../../src/domain/version.ts";
import { petiole } from "../support/agent.ts";
import type { SourceChange } from "../support/petiole-copy.ts";
import { openUpdateWorld } from "../support/update-world.ts";
import { waitFor } from "../support/wait-for.ts";

/** Three starts of an agent from its sources, with pauses between. */
const PATIENCE = 120_000;

const breaking = (file: string, from: string, before: string): readonly SourceChange[] => [
  { file, from, to: before + from },
];

describe("petiole agent update", () => {
  test(
    "refuses what does not fit, installs what does, and goes back when told so",
    { timeout: 300_000 },
    async ({ expect }) => {
      await using world = await openUpdateWorld();
      const refuses = async (release: string, what: object): Promise<void> => {
        await expect(world.update(release)).rejects.toThrow(expect.objectContaining(what));
        expect(await world.service.versions()).toMatchObject({ running: VERSION, installed: [], bad: [] });
      };
      const failing = breaking("src/cli/agent/preflight.ts", "export async function", 'throw new Error("no");\n');
      await refuses(await world.release("7.0.3", failing), { code: "ERR_RELEASE_UNFIT" });
      const readable = {
        file: "src/adapters/store/schema.ts",
        from: "READABLE_FROM = FIRST_VERSION",
        to: "READABLE_FROM = 99",
      };
      await refuses(await world.release("7.0.4", [readable]), {
        message: expect.stringContaining("could not be read by"),
      });
      await refuses(await world.release("0.0.9"), { code: "ERR_TRUST_DOWNGRADE" });
      const release = await world.release("7.0.0");
      await writeFile(`${release}.cut`, (await readFile(release)).subarray(0, -20));
      await refuses(`${release}.cut`, { code: "ERR_RELEASE_INVALID" });

      const cli = (...args: readonly string[]) => petiole("agent", ...args, "--config", world.config);
      const tried = await cli("update", release, "--dry-run", "--json");
      const would = { from: VERSION, to: "7.0.0", outcome: "would-start" };
      expect([tried.code, JSON.parse(tried.stdout)]).toMatchObject([0, would]);
      expect((await world.service.versions()).installed).toEqual([]);

      expect((await cli("update", release, "--wait")).code).toBe(0);
      const packaged = VERSION;
      const after = { running: "7.0.0", isPackaged: false, packaged, installed: ["7.0.0"], bad: [] };
      expect(await world.service.versions()).toMatchObject(after);
      expect((await cli("versions")).stdout).toMatch(/7\.0\.0 +runs/);
      expect(await world.update(release)).toMatchObject({ outcome: "current" });

      expect((await cli("rollback", "--dry-run")).stdout).toContain(`from 7.0.0 to ${VERSION}`);
      expect((await cli("rollback")).code).toBe(0);
      const { bad } = await world.service.settled(VERSION);
      expect(bad).toEqual([{ version: "7.0.0", reason: "somebody rolled it back" }]);
      await expect(world.update(release)).rejects.toThrow(expect.objectContaining({ code: "ERR_RELEASE_BAD" }));
      // What became of it waits for the hub: accepted, and rolled back.
      const { lanes } = (await askAgent(world.service.socket, "status")).outbox;
      expect(lanes).toEqual(expect.arrayContaining([expect.objectContaining({ lane: "critical", rows: 2 })]));
    },
  );

  test("goes back by itself from versions that do not work", { timeout: 300_000 }, async ({ expect }) => {
    await using world = await openUpdateWorld();
    const crashing = breaking("src/daemon/run.ts", 'log.info("Agent is ready"', "process.abort(); ");
    expect(await world.update(await world.release("7.0.1", crashing))).toMatchObject({ outcome: "started" });
    await waitFor("the version before", async () => (await world.service.versions()).bad.length === 1, PATIENCE);

    const refusing = breaking(
      "src/adapters/store/worker.ts",
      "engine = new Engine(",
      'throw new PetioleError("ERR_STORE_OPEN", "no"); ',
    );
    expect(await world.update(await world.release("7.0.2", refusing))).toMatchObject({ outcome: "started" });
    await waitFor("the version before", async () => (await world.service.versions()).bad.length === 2, PATIENCE);
    const { running, bad } = await world.service.settled(VERSION);
    expect(running).toBe(VERSION);
    expect(bad).toEqual([
      { version: "7.0.1", reason: "it did not prove itself in 3 starts" },
      { version: "7.0.2", reason: expect.stringMatching(/^it does not start: ERR_STORE_OPEN/) },
    ]);
  });
});

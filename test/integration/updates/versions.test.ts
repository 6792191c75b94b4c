// Contract: a version that works takes over without a call lost or made twice; one that does not goes by itself, whatever is
// wrong with it, and the one before answers again.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openTrustCheck } from "../../../src/daemon/trust-check.ts";
import { loadTrustPolicy } from "../../../src/daemon/trust-policy.ts";
import { millis, seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { signStatement } from "../../../src/trust/statement.ts";
import { tempFolder, type TempFolder } from "../../support/processes.ts";
import { createSigner, digestOf } from "../../support/signed-components.ts";
import { openUpdateDevice, type UpdateDevice } from "../../support/update-device.ts";
import { COUNTED, SERVICE, versionComponent, type Behaviour } from "../../support/version-components.ts";
import { waitFor } from "../../support/wait-for.ts";

let shared: TempFolder;
beforeAll(async () => {
  shared = await tempFolder();
  const versions: readonly (readonly [number, Behaviour])[] = [
    [1, "good"],
    [2, "good"],
    [3, "traps"],
    [4, "hangs"],
    [5, "leaks"],
    [6, "ill"],
    [7, "stillborn"],
  ];
  for (const [number, behaviour] of versions)
    await writeFile(version(number), await versionComponent(number, behaviour));
});
afterAll(() => shared?.[Symbol.asyncDispose]());

const version = (number: number): string => join(shared.path, `v${number}.wasm`);
const digest = async (number: number): Promise<string> => digestOf(await readFile(version(number)));

async function withDevice(
  work: (device: UpdateDevice, folder: string) => Promise<void>,
  options: Partial<Parameters<typeof openUpdateDevice>[0]> = {},
): Promise<void> {
  await using folder = await tempFolder();
  await using device = await openUpdateDevice({ folder: folder.path, cache: join(shared.path, "cache"), ...options });
  await work(device, folder.path);
}

describe("a new version", () => {
  test("takes over under load: every call is answered once, in its order, by the one or by the other", async ({
    expect,
  }) => {
    await withDevice(async (device) => {
      await device.want(version(1));
      const answers: Promise<number>[] = [];
      let ended = 0;
      let instances = 0;
      const stop = new AbortController();
      const client = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          const answer = device.call("count").then(Number);
          answers.push(answer);
          // The last one is in the worker that components share; the one on trial had its own.
          if ((await answer) === 2 * COUNTED + 1) instances++;
          ended++;
        }
      };
      const clients = Promise.all(Array.from({ length: 8 }, client));
      const moreCalls = async (what: string): Promise<void> => {
        const before = ended;
        await waitFor(`calls of ${what}`, () => ended > before + 50);
      };
      await moreCalls("the old version");
      await device.want(version(2), { trial: millis(300) });
      await moreCalls("the version on trial");
      await waitFor("the trial to be passed", () => device.status().update === undefined);
      await waitFor("the accepted version to move", () => instances === 2);
      await moreCalls("the accepted version");
      stop.abort();
      await clients;
      // In the order in which they were made: each instance counts the calls that it had.
      const starts: number[] = [];
      (await Promise.all(answers)).forEach((answer, index, all) => {
        if (index === 0 || answer !== (all[index - 1] ?? 0) + 1) starts.push(answer);
      });
      expect(starts).toEqual([COUNTED + 1, 2 * COUNTED + 1, 2 * COUNTED + 1]);
    });
  });

  test.for([
    [3, "traps", 2, "ERR_COMPONENT_TRAP"],
    [4, "hangs", 2, "ERR_COMPONENT_DEADLINE"],
    [5, "leaks", 6, "bytes of memory"],
  ] as const)("%i that %s goes by itself", async ([number, , calls, reason], { expect }) => {
    await withDevice(async (device) => {
      await device.want(version(1));
      await device.want(version(number));
      expect(device.status()).toMatchObject({ state: "running", update: { state: "trial", to: await digest(number) } });
      for (let i = 0; i < calls; i++) await device.answer().catch(() => {});
      const status = await waitFor("the version before", () => {
        const found = device.status();
        return found.update?.state === "rolled-back" ? found : undefined;
      });
      expect(status).toMatchObject({
        state: "running",
        digest: await digest(1),
        lastError: { code: "ERR_UPDATE_FAILED", message: expect.stringContaining(reason) },
      });
      expect(await device.answer()).toBe(1);
      // Asked for again, it is not even started.
      await device.want(version(1));
      await device.want(version(number));
      expect(device.status()).toMatchObject({ update: { state: "refused" }, lastError: { code: "ERR_UPDATE_BAD" } });
      expect(await device.answer()).toBe(1);
      await device.want(version(2));
      expect(await device.answer()).toBe(2);
    });
  });

  test.for([
    [6, "does not pass its probe", "probe 1 of 2 failed"],
    [7, "does not start", "unreachable"],
  ] as const)("%i that %s never has a call", async ([number, , reason], { expect }) => {
    await withDevice(async (device) => {
      const probe = {
        ask: { kind: "call", interface: SERVICE, function: "check" },
        timeout: seconds(5),
        count: 2,
      } as const;
      await device.want(version(1), { probe });
      await device.want(version(number), { probe });
      expect(device.status()).toMatchObject({
        state: "running",
        digest: await digest(1),
        update: { state: "refused", to: await digest(number) },
        lastError: { code: "ERR_UPDATE_FAILED", message: expect.stringContaining(reason) },
      });
      expect(await device.answer()).toBe(1);
    });
  });

  test("that is not signed, or older than the accepted one, is refused; on trial, going back is none", async ({
    expect,
  }) => {
    const release = createSigner("release");
    const sign = async (number: number, semver: string): Promise<void> => {
      const bytes = await readFile(version(number));
      const statement = { name: "app", version: semver, digest: digestOf(bytes), size: bytes.byteLength };
      await writeFile(`${version(number)}.sig`, signStatement(statement, [release.key]));
    };
    await sign(1, "1.0.0");
    await sign(2, "2.0.0");
    const policy = await loadTrustPolicy({
      mode: "enforce",
      digests: [],
      keys: [{ name: "release", value: release.pinned.id }],
      threshold: 1,
      allow_downgrade: false,
      unsynced_clock: "allow",
    });
    const trust: Parameters<typeof openUpdateDevice>[0]["trust"] = (state) =>
      openTrustCheck({ policy, state, clock: systemClock, isClockSynced: async () => true, log: silentLogger });
    await withDevice(
      async (device) => {
        await device.want(version(1));
        await device.want(version(3));
        expect(device.status()).toMatchObject({ digest: await digest(1), lastError: { code: "ERR_TRUST_UNSIGNED" } });
        await device.want(version(2));
        expect(device.status().update?.state).toBe("trial");
        await device.host.updates.rollBack("app");
        expect(await device.answer()).toBe(1);
        await device.host.updates.forgive("app", undefined);
        await device.host.updates.accept("app");
        await device.want(version(1));
        expect(device.status()).toMatchObject({ digest: await digest(2), lastError: { code: "ERR_TRUST_DOWNGRADE" } });
        expect(await device.answer()).toBe(2);
      },
      { trust },
    );
  });
});

describe("a boot", () => {
  test("into a file that was overwritten runs what worked, and tries the new bytes beside it", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "app.wasm");
    const options = { folder: folder.path, cache: join(shared.path, "cache") };
    await copyFile(version(1), file);
    {
      await using device = await openUpdateDevice(options);
      await device.want(file);
      expect(await device.answer()).toBe(1);
    }
    await copyFile(version(7), file);
    {
      await using device = await openUpdateDevice(options);
      await device.want(file);
      expect(await device.answer()).toBe(1);
      expect(device.status()).toMatchObject({ update: { state: "refused" }, digest: await digest(1) });
    }
    await copyFile(version(2), file);
    await using device = await openUpdateDevice(options);
    await device.want(file);
    expect(device.status().update?.state).toBe("trial");
    expect(await device.answer()).toBe(2);
  });
});

// Pins: what was admitted is what is prepared and run, whatever becomes of the file meanwhile; what was not leaves no trace.

import { copyFile, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { PetioleError } from "../../../src/domain/errors.ts";
import { tempFolder } from "../../support/processes.ts";
import { digestOf } from "../../support/signed-components.ts";
import { bare, fixture, limits, openRuntime } from "./support.ts";

const soon = (): AbortSignal => AbortSignal.timeout(60_000);

const refuse = (): never => {
  throw new PetioleError("ERR_TRUST_UNSIGNED", "not here");
};

describe("Runtime.prepare() with an admission", () => {
  test("asks about the bytes of the file, and runs those although the file was swapped meanwhile", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(join(folder.path, "cache"));
    const file = join(folder.path, "app.wasm");
    await copyFile(fixture("bare"), file);
    const digest = digestOf(await readFile(file));
    const asked: string[] = [];
    const prepared = await host.runtime.prepare(file, soon(), async (read) => {
      asked.push(read.digest, digestOf(read.bytes));
      await copyFile(fixture("behaviour"), file);
    });
    expect(asked).toEqual([digest, digest]);
    expect(prepared.digest).toBe(digest);
    await using running = await host.startPrepared(prepared);
    await bare(running, "ok");
  });

  test("does not start what has to be read again and is another file by then", async ({ expect }) => {
    await using folder = await tempFolder();
    const [cache, file] = [join(folder.path, "cache"), join(folder.path, "app.wasm")];
    await copyFile(fixture("bare"), file);
    {
      await using first = openRuntime(cache);
      await using _running = await first.startPrepared(await first.runtime.prepare(file, soon()));
    }
    await using second = openRuntime(cache);
    // Known from the cache, which is lost before the start.
    const prepared = await second.runtime.prepare(file, soon(), () => {});
    await rm(cache, { recursive: true });
    await copyFile(fixture("behaviour"), file);
    // Other limits: the entry that prepare() has at hand does not serve.
    await expect(second.startPrepared(prepared, { limits: limits({ memory: 1024 ** 2 }) })).rejects.toMatchObject({
      code: "ERR_COMPONENT_UNREADABLE",
      message: expect.stringMatching(/found sha256:.*want/),
    });
  });

  test("does nothing with what is refused, and asks although the cache has it", async ({ expect }) => {
    await using folder = await tempFolder();
    const cache = join(folder.path, "cache");
    {
      await using host = openRuntime(cache);
      await expect(host.runtime.prepare(fixture("bare"), soon(), refuse)).rejects.toMatchObject({
        code: "ERR_TRUST_UNSIGNED",
      });
      expect(host.entries).toEqual([]);
      await using _running = await host.start("bare");
    }
    expect(await readdir(join(cache, "components"))).toHaveLength(1);
    await using again = openRuntime(cache);
    await expect(again.runtime.prepare(fixture("bare"), soon(), refuse)).rejects.toMatchObject({
      code: "ERR_TRUST_UNSIGNED",
    });
    expect(again.entries).toEqual([]);
  });
});

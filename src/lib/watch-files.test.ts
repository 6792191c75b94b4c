import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { seconds } from "../domain/units.ts";
import { systemClock, type Clock } from "./clock.ts";
import { watchFiles } from "./watch-files.ts";

/** A clock whose sleeps end one by one, each after `step` has been taken. */
function stepped(steps: readonly (() => Promise<void>)[]): { readonly clock: Clock; readonly done: Promise<void> } {
  const done = Promise.withResolvers<void>();
  let next = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async (_duration, signal) => {
      const step = steps[next];
      next += 1;
      if (step !== undefined) return await step();
      done.resolve();
      await new Promise<never>((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  };
  return { clock, done: done.promise };
}

test("watchFiles() tells of a new content once it stays, and of nothing else", async ({ expect }) => {
  const folder = await mkdtemp(join(tmpdir(), "petiole-watch-"));
  const [a, b] = [join(folder, "a"), join(folder, "b")];
  try {
    await writeFile(a, "one");
    const seen: string[] = [];
    const note = (text: string) => async (): Promise<void> => void seen.push(text);
    const { clock, done } = stepped([
      note("nothing yet"),
      async () => await writeFile(a, "half"),
      async () => await writeFile(a, "two"),
      note("still moving"),
      async () => await rm(a),
      note("gone"),
      async () => await writeFile(a, "two"),
      note("back as it was"),
      async () => {
        await writeFile(`${b}.tmp`, "new");
        await rename(`${b}.tmp`, b);
      },
      note("renamed into place"),
    ]);
    await using _watch = watchFiles({
      files: [a, b],
      clock,
      interval: seconds(1),
      onChange: (changed) => void seen.push(changed.map((file) => file.slice(-1)).join()),
    });
    await done;
    expect(seen).toEqual(["nothing yet", "still moving", "a", "gone", "back as it was", "renamed into place", "b"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

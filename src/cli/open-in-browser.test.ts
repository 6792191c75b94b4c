import { chmod, mkdtempDisposable, readFile, stat, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { waitFor } from "../../test/support/wait-for.ts";
import { openInBrowser } from "./open-in-browser.ts";

const URL = "http://127.0.0.1:4880/#the-key";

describe("openInBrowser()", () => {
  test("hands over a file that leads on, so that no process has the key among its arguments", async ({ expect }) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "petiole-open-"));
    const program = join(folder.path, "browser");
    const told = join(folder.path, "told");
    await writeFile(program, `#!/bin/sh\nprintf '%s' "$*" >"${told}.new" && mv "${told}.new" "${told}"\n`);
    await chmod(program, 0o755);
    let file: string;
    {
      await using opened = await openInBrowser(URL, program);
      expect(opened.reason).toBeUndefined();
      await waitFor("the browser", () => existsSync(told));
      file = await readFile(told, "utf8");
      expect(file).not.toContain("the-key");
      expect(await readFile(file, "utf8")).toContain(`url=${URL}"`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(file)).toBe(false);
  });

  test("says why there is no browser", async ({ expect }) => {
    await using opened = await openInBrowser(URL, "/nowhere/xdg-open");
    expect(opened.reason).toMatch(/ENOENT/);
  });
});

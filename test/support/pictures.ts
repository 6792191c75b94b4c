// Pictures of pages for the documents, taken by the tests that show the page: `UPDATE_SCREENSHOTS=1 npx vitest run …`.

import { join, resolve } from "node:path";
import { writeFileAtomic } from "../../src/lib/files.ts";
import type { Page } from "playwright-core";

export const PICTURES = resolve(import.meta.dirname, "..", "..", "docs", "images");
/** Of one picture: a repository keeps every version of it. */
export const LARGEST = 150_000;

export const areWanted = process.env["UPDATE_SCREENSHOTS"] === "1";

/** Makes docs/images/<name>.png, if pictures are wanted: of what is seen, or of its upper `height` pixels. `name` stands in the test as it is: a test looks for it. */
export async function takePicture(page: Page, name: string, height?: number): Promise<void> {
  if (!areWanted) return;
  const width = page.viewportSize()?.width ?? 0;
  const part = height === undefined ? {} : { clip: { x: 0, y: 0, width, height } };
  const picture = await page.screenshot({ ...part, animations: "disabled", caret: "hide" });
  if (picture.length > LARGEST) throw new Error(`the picture ${name} has ${picture.length} bytes`);
  await writeFileAtomic(join(PICTURES, `${name}.png`), picture, 0o644);
}

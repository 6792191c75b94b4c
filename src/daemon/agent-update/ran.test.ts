import { test } from "vitest";
import { tempFolder } from "../../../test/support/processes.ts";
import { readPending, writePending } from "./pending.ts";
import { createRan } from "./ran.ts";

test("createRan() does not miss what was taken away here, and does miss what was never wanted", async ({ expect }) => {
  await using folder = await tempFolder();
  await writePending(folder.path, { from: "1.0.0", to: "1.1.0", digest: "d", ran: ["pump", "valve", "meter"] });
  const ran = await createRan(folder.path);
  expect(await ran.look(["pump", "valve"])).toEqual(["pump", "valve", "meter"]);
  expect(await ran.look(["pump"])).toEqual(["pump", "meter"]);
  // The next start of the trial knows.
  expect((await readPending(folder.path))?.ran).toEqual(["pump", "meter"]);
  expect(await (await createRan(folder.path)).look(["pump", "new"])).toEqual(["pump", "meter"]);
});

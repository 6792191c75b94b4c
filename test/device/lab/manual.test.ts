import { test } from "vitest";
import { commandsOf } from "./manual.ts";

test("commandsOf gives the lines of blocks of sh, and puts together those that go on", ({ expect }) => {
  const markdown =
    "Text\n\n```sh\nsudo a ./b\n\nc --d e \\\n  --f   # why\n```\n\n```yaml\nno: command\n```\n```\n$ none\n```\n";
  expect(commandsOf("x.md", markdown)).toEqual([
    { at: "x.md:4", text: "sudo a ./b" },
    { at: "x.md:6", text: "c --d e --f   # why" },
  ]);
});

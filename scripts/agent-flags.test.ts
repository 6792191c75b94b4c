import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { AGENT_FLAGS } from "./agent-flags.ts";

test("scripts/petiole runs the agent with the flags that the executable and the benchmarks have", async ({
  expect,
}) => {
  const script = await readFile(new URL("petiole", import.meta.url), "utf8");
  const command = script.slice(script.indexOf("exec "));
  expect(command.match(/--[a-z][\w=-]*/gi)).toEqual(AGENT_FLAGS);
});

import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { AGENT_FLAGS } from "./agent-flags.ts";

test.for(["petiole", "npx-petiole"])(
  "scripts/%s runs the agent with the flags that the executable and the benchmarks have",
  async (name, { expect }) => {
    const script = await readFile(new URL(name, import.meta.url), "utf8");
    const command = script.slice(script.lastIndexOf("exec "));
    expect(command.match(/--[a-z][\w=-]*/gi)).toEqual(AGENT_FLAGS);
  },
);

import { describe, test } from "vitest";
import { DEFAULT_CONFIG_FILE } from "../config/default-file.ts";
import { frequentCommand } from "./frequent.ts";

describe("frequentCommand()", () => {
  test.for([
    ["run", {}, { command: "run", config: DEFAULT_CONFIG_FILE }],
    ["run", { PETIOLE_CONFIG: "/etc/other.yaml" }, { command: "run", config: "/etc/other.yaml" }],
    ["run --config a.yaml", { PETIOLE_CONFIG: "/etc/other.yaml" }, { command: "run", config: "a.yaml" }],
    ["version", {}, { command: "version", json: false }],
    ["version --json", {}, { command: "version", json: true }],
  ] as const)("knows %j with %j", ([line, env, expected], { expect }) => {
    expect(frequentCommand(line.split(" "), env)).toEqual(expected);
  });

  test.for([
    "",
    "--help",
    "run --help",
    "run --config",
    "run --config --json",
    "run --config=a.yaml",
    "run --config a.yaml more",
    "run more",
    "version --help",
    "version --json more",
    "status",
  ])("leaves %j to the whole command line", (line, { expect }) => {
    expect(frequentCommand(line.split(" ").filter(Boolean), {})).toBeUndefined();
  });
});

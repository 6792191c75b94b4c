import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argument, Command, Option } from "commander";
import { describe, test } from "vitest";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { describeCommand, flatten } from "./tree.ts";
import { zshCompletion } from "./zsh.ts";

const program = new Command("petiole").description("An agent.");
program.command("run").description("Run: in the foreground.").addOption(new Option("--config <file>", "configuration"));
program.command("secret", { hidden: true });
const box = program.command("outbox").alias("queue").description("Show what's waiting.").option("--json", "print JSON");
box
  .command("export")
  .argument("<file>", "file to make")
  .addOption(new Option("-l, --lane <lane>", "one lane").choices(["critical", "latest"]))
  .description("Hand it over.");
program.command("completion").addArgument(new Argument("<shell>").choices(["bash", "zsh"]));
const root = describeCommand(program);

/** Shells start slowly on a busy machine. */
const PATIENCE = 120_000;

const hasShell = (name: string): boolean => spawnSync(name, ["-c", "exit 0"]).status === 0;
const skipWithout = (name: string): boolean => {
  const missing = !hasShell(name);
  if (missing) console.warn(`skipped: there is no ${name} on this machine`);
  return missing;
};

/** What a line of words is completed with; the last word is the one that the cursor stands behind. */
const LINES: readonly (readonly [line: readonly string[], some: readonly string[], none: readonly string[]])[] = [
  [
    ["petiole", ""],
    ["run", "outbox", "completion"],
    ["export", "secret"],
  ],
  [["petiole", "o"], ["outbox"], ["run"]],
  [["petiole", "outbox", ""], ["export"], ["run"]],
  [["petiole", "queue", "ex"], ["export"], ["run"]],
  [
    ["petiole", "outbox", "export", "--lane", ""],
    ["critical", "latest"],
    ["--lane", "run"],
  ],
  [["petiole", "outbox", "export", "-"], ["--lane", "-l"], ["--json"]],
  [["petiole", "outbox", "export", "page"], ["page.txt"], ["run"]],
  [["petiole", "run", "--config", "page"], ["page.txt"], ["run"]],
  [["petiole", "completion", "z"], ["zsh"], ["bash"]],
];

test("flatten() lists each command before those below it, and no hidden one", ({ expect }) => {
  expect(flatten(root).map(({ path }) => path)).toEqual([
    "petiole",
    "petiole run",
    "petiole outbox",
    "petiole outbox export",
    "petiole completion",
  ]);
});

describe.each([
  { shell: "bash", script: bashCompletion(root), complete: completeInBash },
  { shell: "fish", script: fishCompletion(root), complete: completeInFish },
])("completion for $shell", { timeout: PATIENCE }, ({ shell, script, complete }) => {
  test.skipIf(skipWithout(shell))("offers what may follow", ({ expect }) => {
    using folder = mkdtempDisposableSync(join(tmpdir(), "petiole-completion-"));
    writeFileSync(join(folder.path, "page.txt"), "");
    writeFileSync(join(folder.path, "script"), script);
    for (const [line, some, none] of LINES) {
      const offered = complete(folder.path, line);
      expect(offered, line.join(" ")).toEqual(expect.arrayContaining([...some]));
      expect(
        offered.filter((word) => none.includes(word)),
        line.join(" "),
      ).toEqual([]);
    }
  });
});

test.skipIf(skipWithout("zsh"))("completion for zsh registers itself", { timeout: PATIENCE }, ({ expect }) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "petiole-completion-"));
  writeFileSync(join(folder.path, "script"), zshCompletion(root));
  const load = "autoload -Uz compinit && compinit -u -d dump && source ./script && print -r -- $_comps[petiole]";
  const { stdout, stderr } = spawnSync("zsh", ["-f", "-c", load], { cwd: folder.path, encoding: "utf8" });
  expect([stdout, stderr]).toEqual(["_petiole\n", ""]);
});

function completeInBash(folder: string, line: readonly string[]): string[] {
  const code = 'source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _petiole; printf "%s\\n" "${COMPREPLY[@]}"';
  return lines(execFileSync("bash", ["-c", code, "bash", ...line], { cwd: folder, encoding: "utf8", stdio: "pipe" }));
}

function completeInFish(folder: string, line: readonly string[]): string[] {
  const code = `source ./script; complete -C ${JSON.stringify(line.join(" "))}`;
  const output = execFileSync("fish", ["--no-config", "-c", code], { cwd: folder, encoding: "utf8" });
  return lines(output).map((one) => one.split("\t")[0] ?? "");
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

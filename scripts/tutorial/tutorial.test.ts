import { describe, test } from "vitest";
import { readTutorial } from "./document.ts";
import { difference, foundIn } from "./output.ts";

describe("readTutorial()", () => {
  const text = `# Title

Before.

## One

\`\`\`sh
a
b
\`\`\`

\`\`\`text
out
\`\`\`

<!-- tutorial: skip -->

\`\`\`yaml
read: only
\`\`\`

\`\`\`ts src/a.ts
const a = 1;
\`\`\`

## Two

\`\`\`sh background
dev
\`\`\`

<!-- tutorial: running -->

\`\`\`text background
ready
\`\`\`

<!-- tutorial: stop -->
`;

  test("has commands with what they print, files, and a second terminal", ({ expect }) => {
    expect(readTutorial(text, "t.md")).toEqual([
      {
        title: "One",
        steps: [
          { kind: "run", at: "t.md:7", command: "a\nb", output: "out" },
          { kind: "write", at: "t.md:22", file: "src/a.ts", text: "const a = 1;\n" },
        ],
      },
      {
        title: "Two",
        steps: [
          { kind: "start", at: "t.md:28", command: "dev", output: undefined },
          { kind: "running", at: "t.md:32" },
          { kind: "watch", at: "t.md:34", output: "ready" },
          { kind: "stop", at: "t.md:38" },
        ],
      },
    ]);
  });

  test("refuses a block that nobody could follow", ({ expect }) => {
    expect(() => readTutorial("# A\n```yaml\na: 1\n```\n", "t.md")).toThrow("t.md:2");
    expect(() => readTutorial("# A\n```text\nalone\n```\n", "t.md")).toThrow("t.md:2");
    expect(() => readTutorial("# A\n```sh\n", "t.md")).toThrow("without an end");
    expect(() => readTutorial("# A\n<!-- tutorial: wait -->\n", "t.md")).toThrow('no "tutorial: wait"');
  });
});

describe("difference()", () => {
  test("is none when every line fits", ({ expect }) => {
    expect(difference("\u001b[32ma\u001b[0m 1.2 s\n\nb\n", "a … s\nb")).toBeUndefined();
    expect(difference("x\ny\na\nz", "…\na\n…")).toBeUndefined();
    expect(difference("10%\r50%\rdone\n", "done")).toBeUndefined();
  });

  test("names the line that does not fit", ({ expect }) => {
    expect(difference("a\nc", "a\nb")).toContain('want "b" as line 2');
    expect(difference("a\nb\nc", "a\nb")).toContain("want nothing more");
    expect(difference("a", "a\n…\nb")).toContain('want "b"');
  });
});

test("foundIn() says how far a growing output has been seen", ({ expect }) => {
  const output = "start\nready in 3 ms\nmore\n";
  expect(foundIn(output, "ready in … ms")).toBe("start\nready in 3 ms\n".length);
  expect(foundIn(output, "ready …\nlater")).toBeUndefined();
});

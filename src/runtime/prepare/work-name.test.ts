import { describe, test } from "vitest";
import { isLeftover, isWork, workName } from "./work-name.ts";

const OTHER = "00000000-0000-4000-8000-000000000000";

describe("isLeftover()", () => {
  test("tells what a process has left that is gone, or whose number this one has now", ({ expect }) => {
    const alive = (pid: number): boolean => pid === 2_000_000_001;
    expect(isLeftover(`.work-2000000000-${OTHER}-${OTHER}`, alive)).toBe(true);
    expect(isLeftover(`.work-2000000001-${OTHER}-${OTHER}`, alive)).toBe(false);
    expect(isLeftover(`.work-${process.pid}-${OTHER}-${OTHER}`, alive)).toBe(true);
  });

  test("looks for the process", ({ expect }) => {
    expect(isLeftover(`.work-2000000000-${OTHER}-${OTHER}`)).toBe(true);
    expect(isLeftover(`.work-${process.ppid}-${OTHER}-${OTHER}`)).toBe(false);
  });

  test("leaves what this process writes, and names of other forms", ({ expect }) => {
    const gone = (): boolean => false;
    expect(isWork(workName())).toBe(true);
    for (const name of [workName(), `.work-${OTHER}`, ".work-1", "1.entry"]) expect(isLeftover(name, gone)).toBe(false);
  });
});

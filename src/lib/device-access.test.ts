import { describe, test } from "vitest";
import { describeAccess, findAccess } from "./device-access.ts";

describe("describeAccess()", () => {
  const GROUPS = "root:x:0:\ndialout:x:20:pi\ngpio:x:986:pi,petiole\n";

  test.for([
    [986, 0o660, 'those in the group "gpio" may use it'],
    [4711, 0o660, 'those in the group "4711" may use it'],
    [0, 0o660, "only root may use it"],
    [986, 0o640, "only its owner may use it"],
  ] as const)("of group %d and mode %o", ([gid, mode, text], { expect }) => {
    expect(describeAccess({ gid, mode }, GROUPS)).toBe(text);
  });
});

describe("findAccess()", () => {
  test("looks at the file, where there is one", ({ expect }) => {
    expect(findAccess("/dev/null")).toMatch(/may use it$/);
    expect(findAccess("/dev/no such device")).toBeUndefined();
  });
});

import { describe, test } from "vitest";
import { createHttp } from "./http/index.ts";
import { createWasi } from "./index.ts";
import { BUILTIN_INTERFACES, checkBuiltinVersion, isBuiltin } from "./names.ts";
import { parseNetworkGrants } from "./network-grants.ts";

const suspend = (): Promise<never> => new Promise(() => {});

describe("BUILTIN_INTERFACES", () => {
  test("is what createWasi() and createHttp() serve", ({ expect }) => {
    const { interfaces } = createWasi({
      id: "x",
      env: {},
      config: () => ({}),
      maxRandomBytes: 1,
      print: () => {},
      log: () => {},
      grants: { folders: [], network: [] },
      suspend,
    });
    const http = createHttp({ suspend, grants: parseNetworkGrants([]) });
    expect([...Object.keys(interfaces), ...Object.keys(http.interfaces)].toSorted()).toEqual(
      [...BUILTIN_INTERFACES].toSorted(),
    );
  });
});

describe("isBuiltin()", () => {
  test("goes by the name without version", ({ expect }) => {
    expect(isBuiltin("wasi:cli/stdout@0.2.9")).toBe(true);
    expect(isBuiltin("wasi:keyvalue/store@0.2.0-draft")).toBe(false);
  });
});

describe("checkBuiltinVersion()", () => {
  test("refuses other versions of WASI than 0.2", ({ expect }) => {
    for (const name of ["wasi:cli/stdout@0.3.0", "wasi:clocks/wall-clock@0.2.0-rc-2023-11-10"]) {
      expect(() => checkBuiltinVersion(name, "x")).toThrow(/want version 0.2/);
    }
  });

  test("says what to do about WASI 0.3, also where it has interfaces that 0.2 has not", ({ expect }) => {
    for (const name of [
      "wasi:cli/stdout@0.3.0",
      "wasi:clocks/system-clock@0.3.0-rc-2025-09-16",
      "wasi:http/client@1.0.0",
    ]) {
      expect(() => checkBuiltinVersion(name, "x"), name).toThrow(/build the component for WASI 0.2/);
    }
  });

  test("accepts 0.2, drafts of configuration and logging, and what links serve", ({ expect }) => {
    for (const name of [
      "wasi:cli/stdout@0.2.0",
      "wasi:io/poll@0.2.12",
      "wasi:io/poll",
      "wasi:config/store@0.2.0-rc.1",
      "wasi:config/store@0.2.0-draft",
      "wasi:config/runtime@0.2.0-draft",
      "wasi:config/store@0.2.0-draft-2024-09-27",
      "wasi:logging/logging@0.1.0-draft",
      "acme:things/other@9.0.0",
    ]) {
      expect(() => checkBuiltinVersion(name, "x")).not.toThrow();
    }
  });
});

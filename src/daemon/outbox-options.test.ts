import { describe, test } from "vitest";
import { lanePoliciesOf } from "../adapters/store/options.ts";
import { parseConfig } from "../config/parse.ts";
import { defaultLanePolicies } from "../domain/lane-policy.ts";
import { drainLimitOf, outboxOptionsOf } from "./outbox-options.ts";

const parse = (outbox: string, components = "{}"): ReturnType<typeof parseConfig> =>
  parseConfig(`device: { id: d }\ncomponents: ${components}\noutbox: ${outbox}\n`, "/etc/petiole/petiole.yaml");

describe("outboxOptionsOf()", () => {
  test("a configuration that says nothing means the defaults of the lanes", ({ expect }) => {
    const options = outboxOptionsOf(parse("{}"));
    expect(lanePoliciesOf(options)).toEqual(defaultLanePolicies(options.maxBytes));
    expect(options.quotas).toEqual({});
  });

  test("what is said of a lane changes that, and no end is something else than nothing said", ({ expect }) => {
    const options = outboxOptionsOf(
      parse("{ lanes: { critical: { ttl: 1h }, standard: { ttl: none, when_full: shed, commit_rows: 7 } } }"),
    );
    const defaults = defaultLanePolicies(options.maxBytes);
    const policies = lanePoliciesOf(options);
    expect(policies.critical).toEqual({ ...defaults.critical, ttl: 3_600_000 });
    expect(policies.standard).toEqual({ ...defaults.standard, ttl: undefined, whenFull: "shed", commitRows: 7 });
    expect(policies.latest).toEqual(defaults.latest);
  });

  test("quotas of components count beside the common one", ({ expect }) => {
    const components = "{ a: { file: a.wasm, outbox_quota: 1MiB }, b: { file: b.wasm } }";
    expect(outboxOptionsOf(parse("{ component_quota: 2MiB }", components))).toMatchObject({
      quota: 2 * 1024 * 1024,
      quotas: { a: 1024 * 1024 },
    });
  });
});

describe("drainLimitOf()", () => {
  test("takes a limit away that is said to be none", ({ expect }) => {
    expect(drainLimitOf(parse("{ drain: { messages: unlimited, bytes: 10KiB, jitter: 0s } }"))).toEqual({
      messages: undefined,
      bytes: 10 * 1024,
      jitter: 0,
    });
  });
});

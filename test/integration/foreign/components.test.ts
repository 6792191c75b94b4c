// Pins: components that this project did not write, in eight languages, load, instantiate and answer
// as the table in docs/compatibility.md says, with petiole's own glue and with jco's.

import { readFile } from "node:fs/promises";
import { describe, test } from "vitest";
import { attempt, type Attempt, type CallResult, type Glue } from "../../foreign/attempt.ts";
import { isAvailable, packedDigests } from "../../foreign/files.ts";
import type { ForeignComponent, Outcome } from "../../foreign/foreign-component.ts";
import { FOREIGN_COMPONENTS } from "../../foreign/manifest/index.ts";
import { withTable } from "../../foreign/table.ts";
import { skipping } from "../../support/skip.ts";

/** What happened, in the words of the manifest: an expected message is one that contains what it should say. */
function describeOutcome(result: CallResult, expected: Outcome): unknown {
  if (!("code" in result)) return result;
  const says = "says" in expected && result.message.includes(expected.says) ? expected.says : result.message;
  return { fails: result.code, says };
}

const withoutReason = (outcome: Outcome): unknown =>
  "fails" in outcome ? { fails: outcome.fails, says: outcome.says } : outcome;

function summary(attempted: Attempt, component: ForeignComponent): unknown {
  return attempted.calls.map(({ result, prints }, index) => {
    const expected = component.calls[index];
    return {
      function: expected?.functionName,
      outcome: expected === undefined ? result : describeOutcome(result, expected.outcome),
      ...(expected?.prints === undefined ? {} : { prints }),
    };
  });
}

/** What is expected of the component on jco's glue. */
function withJco(component: ForeignComponent): ForeignComponent {
  if (component.withJco === undefined) return component;
  const { at, code, says, because } = component.withJco;
  if (at !== "call") return { ...component, refused: { at, code, says, because } };
  const calls = component.calls.map((call) =>
    "fails" in call.outcome ? call : { ...call, outcome: { fails: code, says, because } },
  );
  return { ...component, calls };
}

for (const glue of ["own", "jco"] as const satisfies readonly Glue[]) {
  describe(`With ${glue === "own" ? "petiole's own" : "jco's"} glue`, () => {
    for (const component of FOREIGN_COMPONENTS) {
      const absent = skipping(!isAvailable(component), component.name, "its package could not be fetched");
      test.skipIf(absent)(`${component.name} (${component.language}): ${component.shows}`, async ({ expect }) => {
        const attempted = await attempt(component, glue);
        const expected = glue === "jco" ? withJco(component) : component;
        if (expected.refused !== undefined) {
          const { at, code, says } = expected.refused;
          expect(attempted.refused).toMatchObject({ at, code, message: expect.stringContaining(says) as string });
          return;
        }
        expect(attempted.refused).toBeUndefined();
        expect(summary(attempted, expected)).toEqual(
          expected.calls.map(({ functionName, outcome, prints }) => ({
            function: functionName,
            outcome: withoutReason(outcome),
            ...(prints === undefined ? {} : { prints }),
          })),
        );
        expect(attempted.glue).toBe(component.leftToJco === undefined ? glue : "jco");
      });
    }
  });
}

test("docs/compatibility.md has the table as it is tested", async ({ expect }) => {
  const document = await readFile(new URL("../../../docs/compatibility.md", import.meta.url), "utf8");
  expect(document).toBe(withTable(document, FOREIGN_COMPONENTS));
});

test("every packed component is tested", async ({ expect }) => {
  const tested = FOREIGN_COMPONENTS.filter(({ fetched }) => fetched === undefined).map((one) => one.packed ?? one.name);
  expect([...new Set(tested)].sort()).toEqual([...(await packedDigests()).keys()].sort());
});

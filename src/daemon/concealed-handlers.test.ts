import { test } from "vitest";
import type { ControlHandlers } from "../adapters/control/server.ts";
import { PetioleError } from "../domain/errors.ts";
import { createRedactor } from "../lib/redactor.ts";
import { concealedHandlers } from "./concealed-handlers.ts";

test("concealedHandlers() hides secrets in answers, progress and failures", async ({ expect }) => {
  const redactor = createRedactor();
  const told: unknown[] = [];
  const call = { report: (progress: unknown) => void told.push(progress), signal: new AbortController().signal };
  // As many as there is something to see.
  const handlers = concealedHandlers(
    {
      links: async () => ({ links: [{ lastError: { code: "ERR_LINK_INVALID", message: "no hunter22" } }], idle: [] }),
      "outbox-drain": async (_params: unknown, { report }: typeof call) => {
        report({ left: "hunter22" });
        return { left: [] };
      },
      "link-swap": async () => {
        throw new PetioleError("ERR_LINK_INVALID", "Cannot use hunter22");
      },
    } as unknown as ControlHandlers,
    redactor,
  );
  // Also what became known only after the agent had begun.
  redactor.add("hunter22");
  expect(await handlers.links({}, call)).toEqual({
    links: [{ lastError: { code: "ERR_LINK_INVALID", message: "no ***" } }],
    idle: [],
  });
  await handlers["outbox-drain"]({ wait: false }, call);
  expect(told).toEqual([{ left: "***" }]);
  const swap = handlers["link-swap"]({ component: "a", to: "b", dryRun: false }, call);
  await expect(swap).rejects.toThrow(PetioleError);
  await expect(swap).rejects.toMatchObject({ code: "ERR_LINK_INVALID", message: "Cannot use ***" });
});

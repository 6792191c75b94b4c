import { describe, test } from "vitest";
import type { DesiredState } from "../domain/workload.ts";
import { millis } from "../domain/units.ts";
import { systemClock } from "../lib/clock.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import type { Provider } from "../provider/contract.ts";
import { createEgress } from "./egress.ts";
import { createLinkMeters } from "./link-meters.ts";
import { createRouter } from "./router.ts";

const HANDLER = "wasi:http/outgoing-handler";
const REQUEST = { method: "GET", secure: true, host: "api.example", port: 443, known: undefined };

/** A component `app` that is linked to `web`. */
function createWorld(serves: Provider["serves"] | "stopped") {
  const router = createRouter({ clock: systemClock, grace: millis(0) });
  const provider = { serves } as unknown as Provider; // Nothing else of it is asked for.
  const desired = {
    components: [],
    providers: [{ id: "web", type: "http-client", config: undefined }],
    links: [{ name: "default", source: "app", target: "web", interfaces: [HANDLER], config: undefined }],
  } as unknown as DesiredState;
  return {
    router,
    ask: createEgress({
      desired: () => desired,
      provider: () => (serves === "stopped" ? undefined : provider),
      router,
    }),
  };
}

describe("createEgress()", () => {
  test("asks the provider that a component is linked to", async ({ expect }) => {
    const { router, ask } = createWorld([HANDLER]);
    const functions = { [HANDLER]: { handle: (request: unknown) => ({ asked: request }) } };
    const meters = createLinkMeters(createMetricsRegistry(), systemClock);
    const meter = meters.of({ name: "default", source: "app", target: "web" });
    using _ = router.add({ component: "app", interfaces: [HANDLER], functions, meter });
    expect(await ask("app", REQUEST)).toEqual({ asked: REQUEST });
  });

  test("leaves it to the grants without a link, and where requests go through no process", async ({ expect }) => {
    expect(await createWorld([HANDLER]).ask("other", REQUEST)).toBeUndefined();
    expect(await createWorld("anything").ask("app", REQUEST)).toBeUndefined();
  });

  test("refuses while the provider is not there, whatever is granted", async ({ expect }) => {
    await expect(createWorld("stopped").ask("app", REQUEST)).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
  });
});

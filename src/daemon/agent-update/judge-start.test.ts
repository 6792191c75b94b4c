import { test } from "vitest";
import { minutes, seconds } from "../../domain/units.ts";
import { judgeStart, type StartFacts } from "./judge-start.ts";

const limits = { settle: seconds(60), offlineGrace: minutes(10), limit: minutes(15) };
const well: StartFacts = { ready: seconds(60), store: "disk", link: "online", missing: [] };

test.for<[string, Partial<StartFacts>, "well" | "wait" | "failed"]>([
  ["everything is well", {}, "well"],
  ["no hub is configured", { link: "disabled" }, "well"],
  ["it has only just started", { ready: seconds(59) }, "wait"],
  ["the link is down", { link: "offline" }, "wait"],
  ["the hub does not answer", { link: "degraded" }, "wait"],
  ["the link was down for as long as it is waited for", { link: "offline", ready: minutes(10) }, "well"],
  ["the store is in memory", { store: "memory", ready: minutes(14) }, "wait"],
  ["the store stays in memory", { store: "memory", ready: minutes(15) }, "failed"],
  ["a component does not run", { missing: ["pump"], ready: minutes(14) }, "wait"],
  ["a component never runs", { missing: ["pump"], ready: minutes(15) }, "failed"],
])("judgeStart() when %s", ([, facts, kind], { expect }) => {
  expect(judgeStart({ ...well, ...facts }, limits).kind).toBe(kind);
});

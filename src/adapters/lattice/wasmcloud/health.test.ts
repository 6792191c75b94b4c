import { test } from "vitest";
import { seconds } from "../../../domain/units.ts";
import { reportHealth, type HealthRecord } from "./health.ts";

test("reportHealth() passes first, then tells the status, and tells a failure at once", ({ expect }) => {
  const intervals = { first: seconds(5), period: seconds(30) };
  let records: ReadonlyMap<string, HealthRecord> = new Map();
  const at = (time: number, state: "running" | "failed" | undefined): string[] => {
    const providers = state === undefined ? [] : [{ id: "p", state }];
    const due = reportHealth(records, providers, seconds(time), intervals);
    records = due.records;
    return due.reports.map(({ name }) => name);
  };
  expect(at(0, "failed")).toEqual([]);
  expect(at(1, "running")).toEqual([]);
  expect(at(5, "running")).toEqual([]);
  expect(at(6, "running")).toEqual(["health_check_passed"]);
  expect(at(20, "running")).toEqual([]);
  expect(at(36, "running")).toEqual(["health_check_status"]);
  expect(at(40, "failed")).toEqual(["health_check_failed"]);
  expect(at(41, "failed")).toEqual([]);
  expect(at(70, "running")).toEqual(["health_check_passed"]);
  expect(at(71, undefined)).toEqual([]);
  expect(at(72, "running")).toEqual([]);
});

test("reportHealth() tells of a process what it says of itself, and nothing while it says nothing", ({ expect }) => {
  const intervals = { first: seconds(5), period: seconds(30) };
  let records: ReadonlyMap<string, HealthRecord> = new Map();
  const at = (time: number, healthy: boolean | undefined): string[] => {
    const report = { healthy, pid: 7, restarts: 0, digest: "", trust: undefined, name: undefined, revision: undefined };
    const providers = [{ id: "p", state: "running", report: { ...report, lastError: undefined } } as const];
    const due = reportHealth(records, providers, seconds(time), intervals);
    records = due.records;
    return due.reports.map(({ name }) => name);
  };
  expect(at(0, undefined)).toEqual([]);
  expect(at(60, undefined)).toEqual([]);
  expect(at(61, false)).toEqual(["health_check_status"]);
  expect(at(62, true)).toEqual([]);
  expect(at(92, true)).toEqual(["health_check_passed"]);
  expect(at(93, undefined)).toEqual([]);
  expect(at(94, false)).toEqual(["health_check_failed"]);
});

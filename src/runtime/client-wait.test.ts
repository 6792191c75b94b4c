import { describe, test } from "vitest";
import { ClientWait } from "./client-wait.ts";

function open() {
  const clock = { now: 0 };
  return { clock, wait: new ClientWait(() => clock.now) };
}

describe("ClientWait", () => {
  test("blames a client that is waited for, in either direction", ({ expect }) => {
    const { wait } = open();
    expect(wait.blames(100)).toBe(false);
    wait.request = true;
    expect(wait.blames(100)).toBe(true);
    wait.request = false;
    expect(wait.blames(100)).toBe(false);
    wait.response = true;
    expect(wait.blames(100)).toBe(true);
  });

  test("blames one that took most of the time, and no other", ({ expect }) => {
    const { clock, wait } = open();
    wait.request = true;
    clock.now = 30;
    // Both at once count once.
    wait.response = true;
    clock.now = 40;
    wait.request = false;
    wait.response = false;
    clock.now = 70;
    wait.response = true;
    clock.now = 80;
    wait.response = false;
    expect([wait.blames(100), wait.blames(101)]).toEqual([true, false]);
  });
});

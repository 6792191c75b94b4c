// Contract: `petiole ui` shows in a browser what a real agent does, as it happens: numbers and charts move, a cut link and
// an agent that is away are seen and so is their return. It takes nothing but this machine, and everybody can use it.

import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Page } from "playwright-core";
import { petiole, PETIOLE } from "../../support/agent.ts";
import {
  accessibilityFaults,
  openBrowser,
  withoutBrowser,
  type TestBrowser,
  type TestPage,
} from "../../support/browser.ts";
import { areWanted, takePicture } from "../../support/pictures.ts";
import { spawnProcess } from "../../support/processes.ts";
import { startUiStage, type UiStage } from "../../support/ui-stage.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A busy machine, and a page that looks every two seconds. */
const PATIENCE = 60_000;

describe.skipIf(withoutBrowser("the tests of the live page"))("petiole ui", () => {
  let stage: UiStage;
  let browser: TestBrowser;
  let shown: TestPage;
  let page: Page;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startUiStage(), openBrowser()]);
    shown = await browser.newPage({ viewport: { width: 1180, height: 1000 }, colorScheme: "light" });
    ({ page } = shown);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  const until = async (what: string, selector: string, wanted: RegExp): Promise<void> =>
    void (await waitFor(
      what,
      async () => wanted.test((await page.locator(selector).allInnerTexts()).join("\n")),
      PATIENCE,
    ));
  const rowOf = async (table: string, name: string): Promise<string> =>
    await page.locator(`#${table} tbody`).filter({ hasText: name }).innerText();
  const lane = (name: string) => page.locator("#lanes .card").filter({ hasText: `Lane ${name}` });

  test("shows components, links, providers, lanes and the log", async ({ expect }) => {
    await page.goto(stage.url);
    await until("the page", "#banner", /^Live\./);
    expect(await page.textContent("h1")).toBe("boiler-room");
    expect(await page.title()).toBe("boiler-room: online – petiole");
    expect(await rowOf("components", "counter")).toMatch(/running/);
    expect(await rowOf("components", "cold-chain")).toMatch(/failed[\s\S]*cold-chain\.wasm/);
    expect(await page.locator("#notices li").allInnerTexts()).toEqual([
      expect.stringMatching(/^Component cold-chain: failed/),
    ]);
    expect(await rowOf("providers", "cloud")).toMatch(/messaging-nats.*running.*well/s);
    expect(await page.locator("#graph a").count()).toBe(10);
    expect(await page.locator("#graph svg > path").count()).toBe(11);
    expect(await page.getByRole("link", { name: /cold-chain failed/ }).count()).toBe(1);
    await page.getByText("The same as a table").click();
    expect(await rowOf("links", "wasi:http/incoming-handler")).toMatch(/web\s+counter\s+bound/);
    await until("the log", "#logs", /Agent is ready/);
    // The timer calls the counter.
    await until("calls", "#vitals", /Calls\s+[1-9][\d.]*\/s/);
    const drawn = async (): Promise<string | null> =>
      await page.locator("#vitals .chart .line").first().getAttribute("d");
    const before = await drawn();
    await waitFor("the chart to move", async () => (await drawn()) !== before, PATIENCE);
  });

  test("can be used with keys alone, and by those who see, hear or move otherwise", async ({ expect }) => {
    expect(await accessibilityFaults(page)).toEqual([]);
    // From its beginning.
    await page.reload();
    await until("the page", "#banner", /^Live\./);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to what is shown");
    const focused = async (): Promise<string> => await page.evaluate("document.activeElement.textContent");
    for (const wanted of ["Pause", "Theme: system"]) {
      await page.keyboard.press("Tab");
      expect(await focused()).toBe(wanted);
    }
    // The drawing, then its boxes.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    expect(await focused()).toMatch(/^(provider|component) \S+ \S+ /);
    // What is drawn anew every two seconds does not take the focus away.
    const counter = page.getByRole("link", { name: /counter running/ });
    await counter.focus();
    const calls = await rowOf("components", "counter");
    await waitFor("the next look", async () => (await rowOf("components", "counter")) !== calls, PATIENCE);
    expect(await focused()).toMatch(/^component counter /);
    await page.keyboard.press("Enter");
    expect(new URL(page.url()).hash).toBe("#component-counter");
    await until("the page to go on", "#banner", /^Live\./);
  });

  test("is light or dark, as the system is or as it is told, and fits a phone", async ({ expect }) => {
    const back = async (): Promise<string> => await page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await back();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await back();
    expect(dark).not.toBe(light);
    expect(await accessibilityFaults(page)).toEqual([]);
    const button = page.getByRole("button", { name: /Theme/ });
    await button.click();
    expect(await back()).toBe(light);
    await page.emulateMedia({ colorScheme: "light" });
    await button.click();
    expect(await back()).toBe(dark);
    await page.reload();
    await until("the page again", "#banner", /^Live\./);
    expect(await back()).toBe(dark);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    if (areWanted) await fillCharts();
    await page.mouse.move(0, 0);
    await takePicture(page, "live-page-phone");
    await page.setViewportSize({ width: 1180, height: 1000 });
    await takePicture(page, "live-page-dark");
    await button.click();
    expect(await back()).toBe(light);
  });

  test("shows a cut link, what waits then, and that it is mended", async ({ expect }) => {
    stage.link.cut();
    await until("the end of the link", "#vitals", /Hub\s+offline/);
    await stage.publish("critical", 40);
    await until("the backlog", "#lanes", /Lane critical\s+40 waiting/);
    await until("the event", "#events", /worse\s*The hub is offline, was online/);
    const chart = lane("critical").getByRole("img");
    await waitFor(
      "the chart",
      async () => /now 40 waiting/.test((await chart.getAttribute("aria-label")) ?? ""),
      PATIENCE,
    );
    if (areWanted) {
      await fillCharts();
      await page.evaluate("document.querySelector('#links-details').open = false");
      await page.evaluate("scrollTo(0, 0)");
      await takePicture(page, "live-page");
    }
    stage.link.mend();
    await until("the link again", "#vitals", /Hub\s+online/);
    await until("the outbox to drain", "#lanes", /Lane critical\s+0 waiting/);
    await until("the event", "#events", /better\s*The hub is online, was offline/);
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test("says that the agent is away, shows what it knew as old, and goes on when it is back", async ({ expect }) => {
    const follow = ["logs", "--follow", "--socket", stage.agent.socket];
    await using following = await spawnProcess(PETIOLE, follow);
    await waitFor("the log to be followed", () => following.output().includes("Agent is ready"), PATIENCE);
    expect(following.output()).toMatch(/^\d{4}-\S+Z INFO {2}Component started component=counter digest=sha256:/m);
    expect(await stage.agent.stop("SIGKILL")).toBeNull();
    await until(
      "the end of the agent",
      "#banner",
      /^Agent not reachable since [\d:]+: .*What you see is what it said last/,
    );
    expect(await page.evaluate("document.body.classList.contains('stale')")).toBe(true);
    expect(await page.textContent("h1")).toBe("boiler-room");
    expect(await page.title()).toBe("boiler-room: not reachable – petiole");
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.evaluate("scrollTo(0, 0)");
    await takePicture(page, "live-page-away", 480);
    await stage.agent.start();
    await until("the agent again", "#banner", /^Live\./);
    await until("the event", "#events", /The agent was started again/);
    expect(await page.evaluate("document.body.classList.contains('stale')")).toBe(false);
    // Lines of both runs, here and on the terminal.
    await waitFor("the log to go on", () => following.output().split("Agent is ready").length === 3, PATIENCE);
    await waitFor(
      "the log",
      async () => (await page.locator("#logs li", { hasText: "Agent is ready" }).count()) === 2,
      PATIENCE,
    );
  });

  test("asks nothing while it is paused, and nobody else at any time", async ({ expect }) => {
    await page.getByRole("button", { name: "Pause" }).click();
    await until("the pause", "#banner", /^Paused/);
    // One may be on its way.
    await waitFor("silence", async () => {
      const before = shown.requests.length;
      await setTimeout(2500);
      return shown.requests.length === before;
    });
    await page.getByRole("button", { name: "Pause" }).click();
    await until("the page to go on", "#banner", /^Live\./);
    const { origin, hash } = new URL(stage.url);
    expect(shown.requests.filter((url) => !url.startsWith(`${origin}/`))).toEqual([]);
    expect(shown.requests.filter((url) => url.includes(hash.slice(1)) && !url.endsWith(hash))).toEqual([]);
    expect(shown.problems).toEqual([]);
  });

  test("petiole logs prints the last lines for programs", async ({ expect }) => {
    const { code, stdout } = await petiole("logs", "--json", "--socket", stage.agent.socket);
    expect(code).toBe(0);
    const messages = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages).toContain("Agent is ready");
  });

  test("petiole ui refuses an address that others could reach", async ({ expect }) => {
    const { code, stderr } = await petiole("ui", "--listen", "0.0.0.0:4880", "--socket", stage.agent.socket);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/ERR_UI_ADDRESS[\s\S]*ssh -L 4880/)]);
  });

  /** For pictures: something happens for a while. */
  async function fillCharts(): Promise<void> {
    for (let step = 0; step < 45; step += 1) {
      for (let call = 0; call < 1 + (step % 7); call += 1) await stage.call();
      await stage.publish("standard", 1 + (step % 4));
      await stage.publish("critical", step % 9 === 0 ? 2 : 0);
      await setTimeout(1000);
    }
  }
});

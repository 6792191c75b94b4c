// A real browser for tests of pages: Debian's Chromium, driven by playwright-core. Nothing is downloaded.

import axe from "axe-core";
import { chromium, type BrowserContextOptions, type Page } from "playwright-core";
import { findProgram } from "./mqtt.ts";
import { skipping } from "./skip.ts";

/** The program that `PETIOLE_TEST_CHROMIUM` names, else the one in the `PATH`. */
export const CHROMIUM =
  process.env["PETIOLE_TEST_CHROMIUM"] ?? findProgram("chromium") ?? findProgram("chromium-browser");

/** For `skipIf`: true where there is no browser, and then it prints that `what` is skipped. */
export const withoutBrowser = (what: string): boolean =>
  skipping(
    CHROMIUM === undefined,
    what,
    "no Chromium (Debian's package chromium, or the program that PETIOLE_TEST_CHROMIUM names)",
  );

export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /**
   * Errors on the console, uncaught exceptions and requests that got no answer, as they come; may be emptied. Not those that
   * the browser itself gave up, as when the page is loaded again.
   */
  readonly problems: string[];
  /** Addresses of all requests so far. */
  readonly requests: readonly string[];
}

export interface TestBrowser extends AsyncDisposable {
  /** A page with cookies, storage and cache of its own. */
  newPage(options?: BrowserContextOptions): Promise<TestPage>;
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Of a page's actions and of the start: the machine may be busy with other things. */
const LIMIT_MS = 60_000;

/** Starts a browser of its own, with a profile that is removed with it. It takes a second or two: share it in a file. */
export async function openBrowser(): Promise<TestBrowser> {
  if (CHROMIUM === undefined) throw new Error("there is no Chromium; guard the test by withoutBrowser()");
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS, timeout: LIMIT_MS });
  return {
    async newPage(options = {}) {
      const context = await browser.newContext({ locale: "en-GB", ...options });
      context.setDefaultTimeout(LIMIT_MS);
      const page = await context.newPage();
      const problems: string[] = [];
      const requests: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") problems.push(`console: ${message.text()}`);
      });
      page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
      page.on("request", (request) => requests.push(request.url()));
      page.on("requestfailed", (request) => {
        const reason = request.failure()?.errorText ?? "failed";
        if (reason !== "net::ERR_ABORTED") problems.push(`${request.method()} ${request.url()}: ${reason}`);
      });
      return { page, problems, requests, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** What speaks against the page as it is now for people who see, hear or move otherwise (WCAG 2.2 A and AA, by axe-core). */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // As the debugger does it: a page's policy against foreign scripts does not hold it up.
  await page.evaluate(axe.source);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const run = `axe.run(document, ${JSON.stringify({ runOnly: tags, resultTypes: ["violations"] })})`;
  const { violations } = await page.evaluate<axe.AxeResults>(run);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(" ")} ${any.map((one) => one.message).join("; ")}`),
  );
}

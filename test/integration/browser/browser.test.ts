// The helper of all tests of pages: a page is shown, and what goes wrong on it is known.

import { once } from "node:events";
import { createServer } from "node:http";
import { describe, test } from "vitest";
import { accessibilityFaults, openBrowser, withoutBrowser } from "../../support/browser.ts";
import { freePort } from "../../support/ports.ts";
import { waitFor } from "../../support/wait-for.ts";

describe.skipIf(withoutBrowser("the test of the browser"))("openBrowser()", () => {
  test("shows a page, and tells what went wrong on it", async ({ expect }) => {
    const port = await freePort();
    const server = createServer((request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end(
        `<!doctype html><link rel="icon" href="data:,"><title>leaf</title><h1>${request.url}</h1><img src="data:,"><script>nothing()</script>`,
      );
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
    try {
      await using browser = await openBrowser();
      await using shown = await browser.newPage();
      await shown.page.goto(`http://127.0.0.1:${port}/stem`);
      expect(await shown.page.getByRole("heading").textContent()).toBe("/stem");
      await waitFor("the exception", () => shown.problems.length > 0);
      expect(shown.problems.join("\n")).toContain("nothing is not defined");
      expect((await accessibilityFaults(shown.page)).join("\n")).toContain("image-alt");
      expect(shown.requests).toEqual([`http://127.0.0.1:${port}/stem`]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

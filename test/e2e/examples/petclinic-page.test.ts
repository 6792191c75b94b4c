// Pins: the clinic's page in a real browser, as people use it: with mouse and keyboard, on a large screen and a small one.

import type { Page } from "playwright-core";
import { describe, test, type ExpectStatic } from "vitest";
import { accessibilityFaults, openBrowser, withoutBrowser, type TestPage } from "../../support/browser.ts";
import { startClinic, type TestClinic } from "../../support/clinic.ts";
import { takePicture } from "../../support/pictures.ts";

const LIMIT_MS = 240_000;

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true });

async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

/** With the mouse. */
async function addsAnOwner({ page }: TestPage, expect: ExpectStatic): Promise<void> {
  await page.getByRole("link", { name: "Add owner" }).click();
  await heading(page, "Add owner").waitFor();
  await page.getByRole("button", { name: "Add owner" }).click();
  // What is wrong is said at the field, which has the focus.
  await page.getByText("Please look at 5 fields").waitFor();
  const first = page.getByLabel("First name");
  expect(await page.evaluate("document.activeElement.id")).toBe("firstName");
  expect(await first.getAttribute("aria-invalid")).toBe("true");
  const described = await first.getAttribute("aria-describedby");
  expect(await page.locator(`#${described}`).textContent()).toBe("Fill this in");
  expect(await accessibilityFaults(page)).toEqual([]);

  const name = { "First name": "Ada <b>", "Last name": "O'Moreno & Sons" };
  await fill(page, { ...name, Address: "1 Hill", City: "Harbourton", Telephone: "none" });
  await page.getByRole("button", { name: "Add owner" }).click();
  await page.getByText("Please look at one field").waitFor();
  await fill(page, { Telephone: "0155 1" });
  await page.getByRole("button", { name: "Add owner" }).click();
  await heading(page, "Ada <b> O'Moreno & Sons").waitFor();
  expect(await page.getByRole("status").textContent()).toBe("Ada <b> O'Moreno & Sons was added");
  expect(await page.title()).toBe("Ada <b> O'Moreno & Sons · Pet Clinic");
}

/** With the keyboard alone. */
async function addsAPet({ page }: TestPage, expect: ExpectStatic): Promise<void> {
  await tabTo(page, "Add pet");
  await page.keyboard.press("Enter");
  await heading(page, "Add pet of Ada <b> O'Moreno & Sons").waitFor();
  await tabTo(page, "name");
  await page.keyboard.type("Rex");
  await page.keyboard.press("Tab");
  await page.keyboard.type("dog");
  await page.keyboard.press("Tab");
  // The same whether days or months come first.
  await page.keyboard.type("01012020");
  await page.keyboard.press("Enter");
  await page.getByRole("article", { name: "Rex" }).waitFor();
  expect(await page.getByRole("article", { name: "Rex" }).textContent()).toMatch(/dog, born 1 Jan 2020.*No visits yet/);
}

/** Presses Tab until what has the focus is named so. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 30; press++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate<string>("document.activeElement.id || document.activeElement.textContent");
    if (found === name) return;
  }
  throw new Error(`Cannot reach "${name}" by the Tab key`);
}

async function addsAVisit({ page }: TestPage, expect: ExpectStatic): Promise<void> {
  await page.getByRole("link", { name: "Add visit of Rex" }).click();
  await heading(page, "Add visit of Rex").waitFor();
  await fill(page, { Date: "2019-12-31", "What for": "<script>alert(1)</script>" });
  await page.getByRole("button", { name: "Add visit" }).click();
  await page.getByText("Enter a day from 2020-01-01 on, when the pet was born").waitFor();
  await fill(page, { Date: "2024-03-11" });
  await page.getByRole("button", { name: "Add visit" }).click();
  const visit = page.getByRole("article", { name: "Rex" }).getByRole("listitem");
  expect(await visit.textContent()).toBe("11 Mar 2024 <script>alert(1)</script>");
}

/** What only the clinic can know is said, too. */
async function isToldWhatIsThere(shown: TestPage, expect: ExpectStatic): Promise<void> {
  const { page } = shown;
  await page.getByRole("link", { name: "Add pet" }).click();
  await heading(page, "Add pet of Ada <b> O'Moreno & Sons").waitFor();
  await fill(page, { Name: "REX", "Date of birth": "2021-01-01" });
  await page.getByLabel("Species").selectOption("cat");
  await page.getByRole("button", { name: "Add pet" }).click();
  await page.getByText("The owner has a pet named REX already").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("REX");
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("article", { name: "Rex" }).waitFor();
}

async function searches({ page }: TestPage, expect: ExpectStatic): Promise<void> {
  await page.getByRole("link", { name: "Owners" }).click();
  await heading(page, "Owners").waitFor();
  await page.getByLabel("First or last name").fill("NUN");
  await page.keyboard.press("Enter");
  await heading(page, "Owners: NUN").waitFor();
  expect(await page.getByRole("rowheader").allTextContents()).toEqual(["Carmen Núñez"]);
  expect(new URL(page.url()).search).toBe("?name=NUN");
  await page.reload();
  expect(await page.getByLabel("First or last name").inputValue()).toBe("NUN");
  await page.getByLabel("First or last name").fill("nobody");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("Nobody has a name that begins so.").waitFor();
  await page.goBack();
  await heading(page, "Owners: NUN").waitFor();
}

async function listsVets({ page }: TestPage, expect: ExpectStatic): Promise<void> {
  await page.getByRole("link", { name: "Vets" }).click();
  await heading(page, "Vets").waitFor();
  expect(await page.getByRole("row", { name: "Ines Albrecht" }).textContent()).toBe("Ines Albrechtdentistry, surgery");
  expect(await page.getByRole("link", { name: "Vets" }).getAttribute("aria-current")).toBe("page");
}

/** Eleven owners are one more than a page has. */
async function turnsPages({ url }: TestClinic, { page }: TestPage, expect: ExpectStatic): Promise<void> {
  for (const number of [1, 2, 3, 4]) {
    const body = { firstName: "Zack", lastName: `Zeller ${number}`, address: "x", city: "x", telephone: "123" };
    const headers = { "content-type": "application/json" };
    await fetch(`${url}/api/owners`, { method: "POST", headers, body: JSON.stringify(body) });
  }
  await page.goto(`${url}/owners`);
  await page.getByText("Page 1 of 2").waitFor();
  await page.getByRole("link", { name: "Next" }).click();
  await page.getByText("Page 2 of 2").waitFor();
  expect(await page.getByRole("rowheader").allTextContents()).toEqual(["Zack Zeller 4"]);
  await page.getByRole("link", { name: "Previous" }).click();
  await page.getByText("Page 1 of 2").waitFor();
}

async function saysWhatIsNotThere({ url }: TestClinic, { page }: TestPage, expect: ExpectStatic): Promise<void> {
  await page.goto(`${url}/owners/999`);
  await page.getByText("There is no owner 999").waitFor();
  const found = await page.goto(`${url}/nothing`);
  expect(found?.status()).toBe(404);
  await page.getByText("There is nothing at this address").waitFor();
}

describe.skipIf(withoutBrowser("the pet clinic's page"))("the clinic's page", () => {
  test(
    "adds, finds and keeps owners, pets and visits",
    async ({ expect }) => {
      await using clinic = await startClinic();
      await using browser = await openBrowser();
      await using shown = await browser.newPage({ timezoneId: "Pacific/Auckland" });
      const { page, problems, requests } = shown;
      await page.goto(clinic.url);
      await heading(page, "Owners").waitFor();
      await page.getByRole("link", { name: "Bruno Keller" }).waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await takePicture(page, "petclinic-owners");

      await addsAnOwner(shown, expect);
      await addsAPet(shown, expect);
      await addsAVisit(shown, expect);
      expect(await accessibilityFaults(page)).toEqual([]);
      await searches(shown, expect);
      await listsVets(shown, expect);
      expect(await accessibilityFaults(page)).toEqual([]);
      await turnsPages(clinic, shown, expect);
      // Until here the page has known by itself what was wrong.
      expect(problems).toEqual([]);

      await page.getByRole("link", { name: "Ada <b> O'Moreno & Sons" }).click();
      await page.getByRole("article", { name: "Rex" }).waitFor();
      await page.reload();
      const kept = page.getByRole("article", { name: "Rex" }).getByRole("listitem");
      expect(await kept.textContent()).toBe("11 Mar 2024 <script>alert(1)</script>");

      const before = problems.length;
      await isToldWhatIsThere(shown, expect);
      await saysWhatIsNotThere(clinic, shown, expect);
      // What the browser says of each answer with such a status.
      const statuses = problems.slice(before).map((problem) => /status of (\d+)/.exec(problem)?.[1] ?? problem);
      expect(statuses).toEqual(["409", "404", "404"]);
      expect(requests.filter((address) => !address.startsWith(`${clinic.url}/`))).toEqual([]);
      await onASmallScreen(clinic, expect, browser);
    },
    LIMIT_MS,
  );
});

async function onASmallScreen(
  { url }: TestClinic,
  expect: ExpectStatic,
  browser: Awaited<ReturnType<typeof openBrowser>>,
): Promise<void> {
  await using small = await browser.newPage({
    viewport: { width: 360, height: 640 },
    colorScheme: "dark",
    hasTouch: true,
  });
  const { page, problems } = small;
  for (const [path, title, name] of [
    ["/owners", "Owners", ""],
    ["/owners/2", "Bruno Keller", "petclinic-phone"],
    ["/owners/2/pets/2/visits/new", "Add visit of Rolf", ""],
    ["/vets", "Vets", ""],
  ] as const) {
    await page.goto(`${url}${path}`);
    await heading(page, title).waitFor();
    const width = await page.evaluate("document.documentElement.scrollWidth");
    expect(width, `${path} is not wider than the screen`).toBeLessThanOrEqual(360);
    expect(await accessibilityFaults(page), path).toEqual([]);
    if (name !== "") await takePicture(page, name);
  }
  const ground = await page.evaluate("getComputedStyle(document.body).backgroundColor");
  expect(ground).toBe("rgb(16, 22, 21)");
  expect(problems).toEqual([]);
}

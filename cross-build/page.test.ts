import { rolldown } from "rolldown";
import { test } from "vitest";
import { loadAssets } from "../src/ui/assets.ts";
import { bundlePage, pageAssets } from "./page.ts";

test("bundlePage() is small, whole, and has what the page asks for", async ({ expect }) => {
  const page = await bundlePage();
  const size = [...page.values()].reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  expect(size).toBeLessThan(60_000);
  const all = [...page.values()].map(({ text }) => text).join("\n");
  // Nothing from elsewhere, and nothing that the page's policy would not let through. Names of XML are no addresses.
  expect(all.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|@import|url\((?!#)|\bimport\b/);
  expect(page.get("/")?.text).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/);
  const wanted = [...(page.get("/")?.text ?? "").matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path);
  expect(wanted.filter((path) => !page.has(path ?? ""))).toEqual([]);
  // A checkout serves the same, and the modules one by one.
  const checkout = await loadAssets();
  for (const [path, { type }] of page) expect([path, checkout.get(path)?.type]).toEqual([path, type]);
});

test("pageAssets() puts the page into a bundle", async ({ expect }) => {
  const entry = `import { loadAssets } from ${JSON.stringify(new URL("../src/ui/assets.ts", import.meta.url).pathname)};
export const pages = await loadAssets();`;
  const virtual = {
    name: "entry",
    resolveId: (id: string) => (id === "entry" ? id : null),
    load: (id: string) => (id === "entry" ? entry : null),
  };
  await using build = await rolldown({ input: "entry", platform: "node", plugins: [virtual, pageAssets()] });
  const { output } = await build.generate({ format: "esm" });
  const url = `data:text/javascript,${encodeURIComponent(output[0].code)}`;
  const { pages } = (await import(/* @vite-ignore */ url)) as { readonly pages: ReadonlyMap<string, unknown> };
  expect([...pages]).toEqual([...(await bundlePage())]);
});

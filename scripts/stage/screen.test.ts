import { stripVTControlCharacters } from "node:util";
import { describe, test } from "vitest";
import { createScreen, type ScreenOutput } from "./screen.ts";

function createBench(terminal: Partial<ScreenOutput> = {}) {
  const written: string[] = [];
  let time = 0;
  const screen = createScreen({ ...terminal, write: (text) => written.push(text) }, () => (time += 750));
  return { screen, text: () => written.join("") };
}

describe("createScreen()", () => {
  test("prints whole plain lines into a pipe", async ({ expect }) => {
    const { screen, text } = createBench();
    screen.heading("Offline");
    screen.live("outbox 12");
    screen.live("outbox 24");
    await screen.task(
      "Mended the link",
      async () => 2,
      (tries) => `${tries} tries`,
    );
    screen.verdict(true, "All there");
    expect(text()).toBe("\nOffline\n  outbox 12\n  outbox 24\n  ✓ Mended the link: 2 tries (0.8 s)\n\n✓ All there\n");
  });

  test("shows commands with their output", ({ expect }) => {
    const { screen, text } = createBench();
    screen.command("gw-1", "petiole apps");
    screen.output("APPLICATION  STATE\n\nshop         deployed\n");
    expect(text()).toBe("  gw-1$ petiole apps\n    APPLICATION  STATE\n\n    shop         deployed\n");
  });

  test("rewrites the live line on a terminal and never lets it wrap", ({ expect }) => {
    const { screen, text } = createBench({ isTTY: true, columns: 20 });
    screen.live("a counter that is far too long");
    screen.note("done");
    const lines = stripVTControlCharacters(text()).split("\r");
    expect(lines).toEqual(["", "  a counter that is", "  done\n"]);
  });

  test("marks a task that fails and passes its error on", async ({ expect }) => {
    const { screen, text } = createBench();
    await expect(screen.task("Started the hub", () => Promise.reject(new Error("port in use")))).rejects.toThrow(
      "port",
    );
    expect(text()).toBe("  ✗ Started the hub\n");
  });
});

import { describe, test } from "vitest";
import { layOut, type Edge } from "./layout.ts";

const SIZE = { width: 100, height: 40, gapX: 60, gapY: 20 };
const edge = (text: string): Edge => {
  const [from = "", to = ""] = text.split(">");
  return { from, to };
};
const lay = (ids: string, ...edges: string[]): ReturnType<typeof layOut> =>
  layOut(ids.split(" "), edges.map(edge), SIZE);
const columnOf = (layout: ReturnType<typeof layOut>, id: string): number =>
  Math.round((layout.boxes.find((box) => box.id === id)?.x ?? NaN) / 160);

describe("layOut()", () => {
  test("puts what delivers left, components in the middle, what serves right", ({ expect }) => {
    const layout = lay("store smoother web clock", "web>smoother", "clock>smoother", "smoother>store");
    expect(["web", "clock", "smoother", "store"].map((id) => columnOf(layout, id))).toEqual([0, 0, 1, 2]);
    expect(layout.lines.length).toBe(3);
    expect([layout.width, layout.height]).toEqual([3 * 160 - 60 + 8, 2 * 60 - 20 + 8]);
  });

  test("takes a circle, and draws the way back from the other side", ({ expect }) => {
    const layout = lay("bus smoother", "bus>smoother", "smoother>bus");
    expect(columnOf(layout, "bus")).not.toBe(columnOf(layout, "smoother"));
    const [there, back] = layout.lines;
    expect(there?.path).toMatch(/^M104 /);
    expect(back?.path).toMatch(/^M164 /);
  });

  test("puts what delivers late just before what it delivers to", ({ expect }) => {
    const layout = lay("a b c late", "a>b", "b>c", "late>c");
    expect(columnOf(layout, "late")).toBe(1);
  });

  test("untangles what crosses", ({ expect }) => {
    const layout = lay("a b c x y z", "a>z", "b>y", "c>x");
    const order = (...ids: string[]): string[] =>
      ids.toSorted(
        (one, other) =>
          (layout.boxes.find(({ id }) => id === one)?.y ?? 0) - (layout.boxes.find(({ id }) => id === other)?.y ?? 0),
      );
    const left = order("a", "b", "c").join("");
    expect([
      ["abc", "zyx"],
      ["cba", "xyz"],
    ]).toContainEqual([left, order("x", "y", "z").join("")]);
  });

  test("lays nothing on top of anything, whatever the graph is", ({ expect }) => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 60; round += 1) {
      const ids = Array.from({ length: random(25) }, (_, index) => `n${index}`);
      const edges = Array.from({ length: random(60) }, () => ({ from: `n${random(27)}`, to: `n${random(27)}` }));
      const layout = layOut(ids, edges, SIZE);
      expect(layout.boxes.map(({ id }) => id).sort()).toEqual(ids.toSorted());
      const places = new Set(layout.boxes.map(({ x, y }) => `${x} ${y}`));
      expect(places.size).toBe(ids.length);
      for (const { x, y } of layout.boxes) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + SIZE.width).toBeLessThanOrEqual(layout.width);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y + SIZE.height).toBeLessThanOrEqual(layout.height);
      }
      for (const { path } of layout.lines) expect(path).toMatch(/^M[\d. -]+C[\d. -]+$/);
      expect(layOut(ids, edges, SIZE)).toEqual(layout);
    }
  });

  test("takes a graph of nothing", ({ expect }) => {
    expect(layOut([], [], SIZE)).toMatchObject({ boxes: [], lines: [] });
  });
});

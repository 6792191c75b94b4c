// Where the boxes and the lines of the graph go: columns from left to right, so that most lines lead to the right.

export interface Edge {
  readonly from: string;
  readonly to: string;
}

export interface Box {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

export interface Line extends Edge {
  /** For the attribute `d` of a path. */
  readonly path: string;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export interface BoxSize {
  readonly width: number;
  readonly height: number;
  /** Between columns, and between boxes of one. */
  readonly gapX: number;
  readonly gapY: number;
}

/** Times that the order in the columns is made better. */
const ROUNDS = 6;
const MARGIN = 4;

/** The same for the same graph. Lines that come twice are drawn once, those to what is no box are left out. */
export function layOut(ids: readonly string[], edges: readonly Edge[], size: BoxSize): Layout {
  const known = new Set(ids);
  const unique = [...new Map(edges.map((edge) => [JSON.stringify([edge.from, edge.to]), edge])).values()].filter(
    ({ from, to }) => known.has(from) && known.has(to) && from !== to,
  );
  const columns = columnsOf([...known], unique);
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const pitch = size.height + size.gapY;
  const boxes = columns.flatMap((column, index) =>
    column.map((id, row): Box => {
      const top = ((tallest - column.length) * pitch) / 2;
      return { id, x: MARGIN + index * (size.width + size.gapX), y: MARGIN + top + row * pitch };
    }),
  );
  const at = new Map(boxes.map((box) => [box.id, box]));
  const lines = unique.flatMap(({ from, to }): Line[] => {
    const [a, b] = [at.get(from), at.get(to)];
    return a === undefined || b === undefined ? [] : [{ from, to, path: curve(a, b, size) }];
  });
  return {
    width: 2 * MARGIN + Math.max(0, columns.length * (size.width + size.gapX) - size.gapX),
    height: 2 * MARGIN + Math.max(0, tallest * pitch - size.gapY),
    boxes,
    lines,
  };
}

/** What a box points to is in a column further right, unless that leads in a circle. */
function columnsOf(ids: readonly string[], edges: readonly Edge[]): string[][] {
  const ahead = withoutCircles(ids, edges);
  const depth = new Map(ids.map((id) => [id, 0]));
  // As often as there are boxes at most: there are no circles.
  for (let moved = true; moved;) {
    moved = false;
    for (const { from, to } of ahead) {
      const least = (depth.get(from) ?? 0) + 1;
      if ((depth.get(to) ?? 0) >= least) continue;
      depth.set(to, least);
      moved = true;
    }
  }
  // What nothing points to stands just before what it points to.
  for (const id of ids) {
    if (ahead.some(({ to }) => to === id)) continue;
    const targets = ahead.filter(({ from }) => from === id).map(({ to }) => depth.get(to) ?? 0);
    if (targets.length > 0) depth.set(id, Math.min(...targets) - 1);
  }
  const columns: string[][] = [];
  for (const id of ids) (columns[depth.get(id) ?? 0] ??= []).push(id);
  return untangle(
    Array.from(columns, (column) => column ?? []).filter((column) => column.length > 0),
    edges,
  );
}

function withoutCircles(ids: readonly string[], edges: readonly Edge[]): Edge[] {
  const kept: Edge[] = [];
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = (id: string): void => {
    open.add(id);
    for (const edge of edges) {
      if (edge.from !== id || open.has(edge.to)) continue;
      kept.push(edge);
      if (!done.has(edge.to)) visit(edge.to);
    }
    open.delete(id);
    done.add(id);
  };
  // Those that nothing points to first: a circle is cut where it leads back to where one comes from.
  const pointedTo = new Set(edges.map(({ to }) => to));
  for (const id of [...ids].sort((a, b) => Number(pointedTo.has(a)) - Number(pointedTo.has(b)))) {
    if (!done.has(id)) visit(id);
  }
  return kept;
}

/** Each box near the middle of those that it is joined to, so that fewer lines cross. */
function untangle(columns: string[][], edges: readonly Edge[]): string[][] {
  const height = new Map<string, number>();
  const note = (column: readonly string[]): void =>
    column.forEach((id, row) => height.set(id, row - (column.length - 1) / 2));
  columns.forEach(note);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const column of round % 2 === 0 ? columns : columns.toReversed()) {
      const middle = new Map(
        column.map((id) => {
          const near = edges.flatMap(({ from, to }) => (from === id ? [to] : to === id ? [from] : []));
          const sum = near.reduce((total, other) => total + (height.get(other) ?? 0), 0);
          return [id, near.length === 0 ? (height.get(id) ?? 0) : sum / near.length];
        }),
      );
      column.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
      note(column);
    }
  }
  return columns;
}

/** From the right side to the left one; back, from the left side to the right one and a little lower. */
function curve(a: Box, b: Box, { width, height }: BoxSize): string {
  const isAhead = b.x > a.x;
  const x1 = isAhead ? a.x + width : a.x;
  const x2 = isAhead ? b.x : b.x + width;
  const shift = height * (isAhead ? 0.4 : 0.7);
  const bend = Math.max(24, Math.abs(x2 - x1) / 2) * (isAhead ? 1 : -1);
  const [y1, y2] = [a.y + shift, b.y + shift];
  return `M${round(x1)} ${round(y1)}C${round(x1 + bend)} ${round(y1)} ${round(x2 - bend)} ${round(y2)} ${round(x2)} ${round(y2)}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

// The lines of the charts.

export interface ChartPoint {
  /** Seconds. */
  readonly at: number;
  /** Undefined where there is a gap. */
  readonly value: number | undefined;
}

export interface ChartFrame {
  readonly width: number;
  readonly height: number;
  /** The right end, and how many seconds there are to the left of it. */
  readonly now: number;
  readonly span: number;
  /** The top stands for this at least. */
  readonly least: number;
}

export interface Chart {
  /** For the attribute `d` of a path; empty without points. */
  readonly line: string;
  readonly area: string;
  readonly top: number;
  readonly highest: number;
  readonly last: number | undefined;
}

/** Points further apart are not joined: nobody looked in between. */
const LONGEST_STEP = 25;

export function drawChart(points: readonly ChartPoint[], { width, height, now, span, least }: ChartFrame): Chart {
  const shown = points.filter(({ at }) => at >= now - span && at <= now + 1);
  const values = shown.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const highest = Math.max(0, ...values);
  const top = Math.max(least, niceAbove(highest));
  const x = (at: number): number => round(width - ((now - at) / span) * width);
  const y = (value: number): number => round(height - (Math.min(value, top) / top) * height);
  const pieces: string[][] = [[]];
  let before: ChartPoint | undefined;
  const ends: [number, number][] = [];
  for (const point of shown) {
    const isJoined = before?.value !== undefined && point.at - before.at <= LONGEST_STEP;
    if (!isJoined) pieces.push([]);
    if (point.value !== undefined) {
      if (!isJoined) ends.push([x(point.at), x(point.at)]);
      pieces.at(-1)?.push(`${x(point.at)} ${y(point.value)}`);
      const end = ends.at(-1);
      if (end !== undefined) end[1] = x(point.at);
    }
    before = point;
  }
  const drawn = pieces.filter((piece) => piece.length > 0);
  return {
    line: drawn.map((piece) => `M${piece.join("L")}`).join(""),
    area: drawn
      .map(
        (piece, index) => `M${ends[index]?.[0] ?? 0} ${height}L${piece.join("L")}L${ends[index]?.[1] ?? 0} ${height}Z`,
      )
      .join(""),
    top,
    highest,
    last: shown.at(-1)?.value,
  };
}

/** 1, 2 or 5 and noughts, so that the scale seldom changes. */
export function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;

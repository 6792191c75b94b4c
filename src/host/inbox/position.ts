import type { StreamPosition } from "../../domain/inbox.ts";

/**
 * True for a message that was stored before: its acknowledgement was lost, or the agent ended before it was sent. A
 * stream that was made again starts its sequences anew, and one that lost its newest messages gives their sequences
 * out again; both are told by time.
 */
export function isKnown(last: StreamPosition | undefined, found: StreamPosition): boolean {
  return (
    last !== undefined &&
    last.stream === found.stream &&
    last.created === found.created &&
    found.seq <= last.seq &&
    found.time <= last.time
  );
}

/**
 * True when two subject filters share a subject; a subject is a filter that matches itself. `*` stands for one token, a
 * last `>` for one or more.
 */
export function overlaps(a: string, b: string): boolean {
  const [first, second] = [a.split("."), b.split(".")];
  for (let i = 0; ; i++) {
    const [one, other] = [first[i], second[i]];
    if (one === undefined || other === undefined) return one === other;
    if (one === ">" || other === ">") return true;
    if (one !== other && one !== "*" && other !== "*") return false;
  }
}

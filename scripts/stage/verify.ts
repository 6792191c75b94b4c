// Compares what the sensors sent with what the hub's stream holds.

/** One message, by what identifies it end to end: its subject and its source's own count. */
export interface Message {
  /** The component's subject, such as `readings.boiler`. */
  readonly subject: string;
  readonly seq: number;
  /** The reading, where the message carries one. */
  readonly value?: number | undefined;
}

export interface SubjectReport {
  readonly subject: string;
  readonly sent: number;
  /** Sent messages that the stream holds, each counted once. */
  readonly arrived: number;
  /** Further copies of messages that arrived. */
  readonly duplicates: number;
  /** Messages that stand behind one with a higher count. */
  readonly outOfOrder: number;
  /** Counts of the sent messages that the stream does not hold. */
  readonly missing: readonly number[];
  /** Messages that nobody sent, or with another value than was sent. */
  readonly unexpected: number;
}

/**
 * One report for each subject, those of `sent` first and in their order.
 * @param sent what should be there; a count occurs once for each subject
 * @param stored what is there, in the stream's order
 */
export function verify(sent: readonly Message[], stored: readonly Message[]): SubjectReport[] {
  const sentBySubject = Map.groupBy(sent, ({ subject }) => subject);
  const storedBySubject = Map.groupBy(stored, ({ subject }) => subject);
  const subjects = new Set([...sentBySubject.keys(), ...storedBySubject.keys()]);
  return [...subjects].map((subject) =>
    verifySubject(subject, sentBySubject.get(subject) ?? [], storedBySubject.get(subject) ?? []),
  );
}

/** True when everything arrived once, in order and unchanged, and nothing else did. */
export function isExact(report: SubjectReport): boolean {
  const { missing, duplicates, outOfOrder, unexpected } = report;
  return missing.length === 0 && duplicates === 0 && outOfOrder === 0 && unexpected === 0;
}

function verifySubject(subject: string, sent: readonly Message[], stored: readonly Message[]): SubjectReport {
  const expected = new Map(sent.map(({ seq, value }) => [seq, value]));
  const arrived = new Set<number>();
  let [duplicates, outOfOrder, unexpected, highest] = [0, 0, 0, Number.NEGATIVE_INFINITY];
  for (const { seq, value } of stored) {
    if (!expected.has(seq) || expected.get(seq) !== value) unexpected++;
    else if (arrived.has(seq)) duplicates++;
    else {
      arrived.add(seq);
      if (seq < highest) outOfOrder++;
      highest = Math.max(highest, seq);
    }
  }
  const missing = [...expected.keys()].filter((seq) => !arrived.has(seq));
  return { subject, sent: expected.size, arrived: arrived.size, duplicates, outOfOrder, missing, unexpected };
}

export interface LaneReport {
  readonly lane: string;
  readonly messages: number;
  /** Messages that are not behind all those of the lane which the device accepted before them. */
  readonly outOfOrder: number;
}

/** One report for each lane, by the device's own count of its messages. */
export function verifyLanes(stored: readonly { readonly lane: string; readonly order: number }[]): LaneReport[] {
  return [...Map.groupBy(stored, ({ lane }) => lane)].map(([lane, messages]) => {
    let [highest, outOfOrder] = [Number.NEGATIVE_INFINITY, 0];
    for (const { order } of messages) {
      if (order > highest) highest = order;
      else outOfOrder++;
    }
    return { lane, messages: messages.length, outOfOrder };
  });
}

// Dates and times, in the forms that PostgreSQL has with DateStyle ISO.

import { misfit, unrepresentable, type Codec } from "./codec.ts";

type WitDate =
  | { readonly tag: "positive-infinity" }
  | { readonly tag: "negative-infinity" }
  | { readonly tag: "ymd"; readonly val: readonly [year: number, month: number, day: number] };

interface Time {
  readonly hour: number;
  readonly min: number;
  readonly sec: number;
  readonly micro: number;
}

interface TimeTz {
  /** Spelt so in the contract. */
  readonly timesonze: string;
  readonly time: Time;
}

interface Timestamp {
  readonly date: WitDate;
  readonly time: Time;
}

interface TimestampTz {
  readonly timestamp: Timestamp;
  readonly offset: {
    readonly tag: "eastern-hemisphere-secs" | "western-hemisphere-secs";
    readonly val: number;
  };
}

interface DateRange {
  readonly start: WitDate;
  readonly startInclusive: boolean;
  readonly end: WitDate;
  readonly endInclusive: boolean;
}

const pad = (value: number, digits = 2): string => String(value).padStart(digits, "0");

const MIDNIGHT: Time = { hour: 0, min: 0, sec: 0, micro: 0 };
const BEFORE_CHRIST = " BC";

function match(pattern: RegExp, text: string): readonly string[] {
  const found = pattern.exec(text);
  if (found === null) throw unrepresentable(`"${text}" is in a form that is not known`);
  return found.map((part) => part ?? "");
}

function readDate(text: string): WitDate {
  if (text === "infinity") return { tag: "positive-infinity" };
  if (text === "-infinity") return { tag: "negative-infinity" };
  const [, year, month, day, era] = match(/^(\d{4,})-(\d\d)-(\d\d)( BC)?$/, text);
  // There is no year 0 in PostgreSQL's text: here it is the first before Christ.
  const counted = era === BEFORE_CHRIST ? 1 - Number(year) : Number(year);
  return { tag: "ymd", val: [counted, Number(month), Number(day)] };
}

function dateParts(date: WitDate): { readonly day: string; readonly era: string } {
  if (date.tag !== "ymd") return { day: date.tag === "positive-infinity" ? "infinity" : "-infinity", era: "" };
  const [year, month, day] = date.val;
  if (month < 1 || month > 12 || day < 1 || day > 31) throw misfit("date", `${year}-${pad(month)}-${pad(day)}`);
  const counted = year > 0 ? year : 1 - year;
  return { day: `${pad(counted, 4)}-${pad(month)}-${pad(day)}`, era: year > 0 ? "" : BEFORE_CHRIST };
}

function writeDate(value: WitDate): string {
  const { day, era } = dateParts(value);
  return day + era;
}

function readTime(text: string): Time {
  const [, hour, min, sec, fraction] = match(/^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/, text);
  return { hour: Number(hour), min: Number(min), sec: Number(sec), micro: Number((fraction ?? "").padEnd(6, "0")) };
}

function writeTime({ hour, min, sec, micro }: Time): string {
  const text = `${pad(hour)}:${pad(min)}:${pad(sec)}.${pad(micro, 6)}`;
  if (hour > 24 || min > 59 || sec > 60 || micro > 999_999) throw misfit("time", text);
  return text;
}

function readTimestamp(text: string): Timestamp {
  if (text.endsWith("infinity")) return { date: readDate(text), time: MIDNIGHT };
  const [, date, time, era] = match(/^(\S+) ([\d:.]+)( BC)?$/, text);
  return { date: readDate(`${date}${era}`), time: readTime(time ?? "") };
}

function writeTimestamp({ date, time }: Timestamp, offset = ""): string {
  const { day, era } = dateParts(date);
  return date.tag === "ymd" ? `${day} ${writeTime(time)}${offset}${era}` : day;
}

/** `+02`, `-03:30`, `+01:02:03`. */
function readOffset(text: string): number {
  const [, sign, hours, minutes, seconds] = match(/^([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?$/, text);
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
}

function writeOffset(seconds: number): string {
  const size = Math.abs(seconds);
  if (size >= 16 * 3600) throw misfit("offset of a time zone", `${seconds} seconds`);
  return `${seconds < 0 ? "-" : "+"}${pad(Math.floor(size / 3600))}:${pad(Math.floor(size / 60) % 60)}:${pad(size % 60)}`;
}

export const date: Codec<WitDate> = { read: readDate, write: writeDate };
export const time: Codec<Time> = { read: readTime, write: writeTime };
export const timestamp: Codec<Timestamp> = { read: readTimestamp, write: (value) => writeTimestamp(value) };

export const timeTz: Codec<TimeTz> = {
  read: (text) => {
    const [, clock, offset] = match(/^([\d:.]+)([+-].*)$/, text);
    return { timesonze: offset, time: readTime(clock ?? "") };
  },
  write: ({ timesonze, time: clock }) => {
    if (!/^([+-]\d\d(:?\d\d){0,2}|[A-Za-z][\w/+-]*)$/.test(timesonze)) throw misfit("time zone", timesonze);
    return `${writeTime(clock)} ${timesonze}`;
  },
};

export const timestampTz: Codec<TimestampTz> = {
  read: (text) => {
    const [, local, zone, era] = match(/^(.*?)([+-]\d\d(?::?\d\d){0,2})?( BC)?$/, text);
    const seconds = zone === undefined || zone === "" ? 0 : readOffset(zone);
    const side = seconds > 0 ? "eastern-hemisphere-secs" : "western-hemisphere-secs";
    return { timestamp: readTimestamp(`${local}${era}`), offset: { tag: side, val: Math.abs(seconds) } };
  },
  write: ({ timestamp: local, offset }) =>
    writeTimestamp(local, writeOffset(offset.tag === "eastern-hemisphere-secs" ? offset.val : -offset.val)),
};

/** What the contract calls an interval: from one day to another. */
export const dateRange: Codec<DateRange> = {
  read: (text) => {
    if (text === "empty") throw unrepresentable("a range of dates is empty");
    const [, open, start, end, close] = match(/^([[(])([^,]*),([^,]*)([\])])$/, text);
    return {
      start: start === "" ? { tag: "negative-infinity" } : readDate(unquote(start ?? "")),
      startInclusive: open === "[",
      end: end === "" ? { tag: "positive-infinity" } : readDate(unquote(end ?? "")),
      endInclusive: close === "]",
    };
  },
  write: ({ start, startInclusive, end, endInclusive }) =>
    `${startInclusive ? "[" : "("}"${writeDate(start)}","${writeDate(end)}"${endInclusive ? "]" : ")"}`,
};

const unquote = (text: string): string => text.replaceAll('"', "");

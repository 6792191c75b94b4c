import { execFileSync } from "node:child_process";
import { describe, test } from "vitest";

/** In a process of its own: the time zone of this one is what it began with. */
function timezones(zone: string, seconds: readonly string[]): unknown {
  const module = new URL("./clocks.ts", import.meta.url).href;
  const script = `
    import { timezoneAt } from ${JSON.stringify(module)};
    console.log(JSON.stringify([${seconds.join()}].map((seconds) => timezoneAt({ seconds }))));
  `;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
  return JSON.parse(execFileSync(process.execPath, args, { env: { TZ: zone }, encoding: "utf8" }));
}

describe("timezoneAt()", () => {
  test("tells offset and daylight saving of the device's zone, on both halves of the earth", ({ expect }) => {
    const january = "1736899200n";
    const july = "1752537600n";
    expect(timezones("Europe/Berlin", [january, july])).toMatchObject([
      { utcOffset: 3600, inDaylightSavingTime: false },
      { utcOffset: 7200, inDaylightSavingTime: true },
    ]);
    expect(timezones("Australia/Sydney", [january, july])).toMatchObject([
      { utcOffset: 39_600, inDaylightSavingTime: true },
      { utcOffset: 36_000, inDaylightSavingTime: false },
    ]);
    const utc = { utcOffset: 0, name: "UTC", inDaylightSavingTime: false };
    expect(timezones("UTC", [january, "2n ** 64n - 1n"])).toEqual([utc, utc]);
  });
});

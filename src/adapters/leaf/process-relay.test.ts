import { describe, test } from "vitest";
import { userOf, withLogin } from "./process-relay.ts";

const login = { user: "u", password: "p" };

test("withLogin() puts the login among the options, whatever was there", ({ expect }) => {
  const line = withLogin('CONNECT {"verbose":false,"user":null,"jwt":"x","name":"é"}', login);
  expect(JSON.parse(line.slice("CONNECT ".length))).toEqual({
    verbose: false,
    jwt: "x",
    name: "é",
    user: "u",
    pass: "p",
  });
});

test("withLogin() refuses what is no greeting", ({ expect }) => {
  for (const line of ["", "PING", "CONNECT", "CONNECT {", "CONNECT 5", "GET / HTTP/1.1"]) {
    expect(() => withLogin(line, login)).toThrow();
  }
});

describe("userOf()", () => {
  const ends = { remoteAddress: "127.0.0.1", remotePort: 0x8dca, localAddress: "127.0.0.1", localPort: 0x8bd1 };
  const row = (local: string, remote: string, user: number, state = "01"): string =>
    `   5: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${user} 0 5 1 0 20 4 30 10 -1`;
  const table = (...rows: readonly string[]): string => ["  sl  local_address rem_address st", ...rows, ""].join("\n");

  test("finds who holds the other end", ({ expect }) => {
    const rows = [row("0100007F:8BD1", "0100007F:8DCA", 7), row("0100007F:8DCA", "0100007F:8BD1", 1000)];
    expect(userOf(table(...rows), ends)).toBe(1000);
    expect(userOf(table(), ends)).toBeUndefined();
    expect(userOf(table(...rows), { ...ends, remoteAddress: undefined })).toBeUndefined();
  });

  test("takes nobody for somebody else who has the same port of another address", ({ expect }) => {
    const both = table(row("0100007F:8DCA", "0100007F:8BD1", 1000), row("0200007F:8DCA", "0100007F:8BD1", 65534));
    expect(userOf(both, { ...ends, remoteAddress: "127.0.0.2" })).toBe(65534);
    expect(userOf(both, ends)).toBe(1000);
    expect(userOf(both, { ...ends, remoteAddress: "127.0.0.3" })).toBeUndefined();
    expect(userOf(table(row("0100007F:8DCA", "0200007F:8BD1", 1000)), ends)).toBeUndefined();
  });

  test("knows an end of IPv4 in a socket for IPv6", ({ expect }) => {
    const mapped = (end: string): string => `0000000000000000FFFF0000${end}`;
    const rows = table(row(mapped("0100007F:8DCA"), mapped("0100007F:8BD1"), 1000));
    expect(userOf(rows, ends)).toBe(1000);
    expect(userOf(rows, { ...ends, remoteAddress: "::ffff:127.0.0.1", localAddress: "::ffff:127.0.0.1" })).toBe(1000);
  });

  test("does not take one that was closed for the one of root", ({ expect }) => {
    for (const state of ["04", "05", "06"]) {
      expect(userOf(table(row("0100007F:8DCA", "0100007F:8BD1", 0, state)), ends)).toBeUndefined();
    }
  });
});

import { test } from "vitest";
import { withLogin } from "./process-relay.ts";

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

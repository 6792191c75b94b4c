import { test } from "vitest";
import { withoutLogin } from "./without-login.ts";

test("withoutLogin() leaves out what lets one in, and nothing else", ({ expect }) => {
  const shown = [
    ["nats://device:hunter22@hub.example:4222", "nats://hub.example:4222"],
    ["nats://token@hub.example", "nats://hub.example"],
    // A password with a character that should have been encoded.
    ["tls://device:hun@ter22@[::1]:7422", "tls://[::1]:7422"],
    ["wss://hub.example:443/a@b", "wss://hub.example:443/a@b"],
    ["nats://hub.example:4222", "nats://hub.example:4222"],
  ] as const;
  expect(shown.map(([url]) => withoutLogin(url))).toEqual(shown.map(([, wanted]) => wanted));
});

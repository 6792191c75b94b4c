import { test } from "vitest";
import { secretsOf } from "./host-data.ts";

test.for([
  ["credentials", { url: "nats://hub:4222", jwt: "a.jwt", seed: "SUABC" }, ["a.jwt", "SUABC"]],
  ["nothing", { url: "nats://127.0.0.1:4222", jwt: "", seed: "" }, []],
  [
    "a password",
    { url: "nats://gw:s%40cret@hub", jwt: "", seed: "" },
    ["nats://gw:s%40cret@hub", "s@cret", "s%40cret"],
  ],
  ["a token", { url: "nats://token@hub", jwt: "", seed: "" }, ["nats://token@hub", "token", "token"]],
  ["a password that is no encoding", { url: "nats://gw:5%@hub", jwt: "", seed: "" }, ["nats://gw:5%@hub", "5%", "5%"]],
  ["no URL", { url: "hub:", jwt: "", seed: "" }, []],
] as const)("secretsOf() knows what may not be shown of a login with %s", ([, login, secrets], { expect }) => {
  expect(secretsOf(login)).toEqual(secrets);
});

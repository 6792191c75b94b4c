import { describe, test } from "vitest";
import { checkProviders } from "../daemon/check-providers.ts";
import { parseDocument } from "./document.ts";
import { parseConfigSource } from "./parse.ts";

const file = (secrets: object, password: object): string =>
  JSON.stringify({
    device: { id: "gw" },
    secrets,
    providers: { broker: { type: "mqtt", config: { url: "mqtt://b", password } } },
  });
const box = (more: object = {}) => ({ type: "files", folder: "/box", ...more });

describe("references to secrets", () => {
  test.for([
    [{ backends: { box: box() } }, { secret: "a", backend: "safe" }, /password\.backend: there is no backend "safe"/],
    [{}, { secret: "a", backend: "box" }, /want one of systemd$/],
    [{ backends: { box: box(), other: box() } }, { secret: "a" }, /secrets\.default: want the backend/],
    [{ default: "safe", backends: { box: box() } }, { secret: "a" }, /secrets\.default: there is no backend "safe"/],
    [{ backends: { box: { type: "files" } } }, { secret: "a" }, /box\.folder: want the folder/],
    [{ backends: { box: { type: "systemd", folder: "/x" } } }, { secret: "a" }, /has no folder/],
    [{ backends: { v: { type: "wasmcloud" } } }, { secret: "a" }, /backends\.v\.type: wasmcloud asks the hub/],
    [{ backends: { v: { type: "nats-kv" } } }, { secret: "a" }, /backends\.v\.bucket: want the name/],
    [
      { backends: { v: box({ service: "x" }) } },
      { secret: "a" },
      /backends\.v\.service: a backend of type files has no/,
    ],
    [{}, { secret: "a", filed: "b" }, /password\.filed: a reference to a secret has the keys/],
  ] as const)("are checked with the file: %j %j", ([secrets, password, fault], { expect }) => {
    expect(() => parseConfigSource(file(secrets, password), "/etc/p.yaml")).toThrow(fault);
  });

  test("are no text to the provider's schema, which is still heard about the rest", async ({ expect }) => {
    await checkProviders(parseConfigSource(file({}, { secret: "a" }), "/etc/p.yaml"));
    const wrong = {
      device: { id: "gw" },
      providers: { broker: { type: "mqtt", config: { url: { secret: "u" }, qos: 7 } } },
    };
    await expect(checkProviders(parseConfigSource(JSON.stringify(wrong), "/etc/p.yaml"))).rejects.toThrow(
      /found 1 fault\n.*qos/,
    );
  });

  test("of a document are for backends that let it", ({ expect }) => {
    const secrets = { default: "box", backends: { box: box({ from_outside: true }), own: box() } };
    const { config: base } = parseConfigSource(file(secrets, { secret: "a", backend: "own" }), "/etc/p.yaml");
    const document = (password: object) =>
      parseDocument(JSON.stringify({ providers: { more: { type: "mqtt", config: { url: "mqtt://b", password } } } }), {
        source: "document",
        folder: "/",
        base,
      });
    expect(Object.keys(document({ secret: "a" }).config.providers)).toEqual(["more"]);
    expect(() => document({ secret: "a", backend: "own" })).toThrow(/secrets\.backends\.own\.from_outside/);
    expect(() => document({ secret: "a", backend: "systemd" })).toThrow(/has secrets for the configuration file alone/);
  });
});

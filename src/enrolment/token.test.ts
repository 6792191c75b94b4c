import { describe, test } from "vitest";
import { assert, constantFrom, json, oneof, property, string } from "fast-check";
import { isPetioleError } from "../domain/errors.ts";
import { accountOf, readClaims, signClaims } from "./claims.ts";
import { formatCredentials, validityOf } from "./credentials.ts";
import { createKey, isPublicKey, keyOfSeed } from "./keys.ts";
import { formatRequest, parseAnswer, parseRequest, type Payload } from "./protocol.ts";
import { formatToken, parseToken } from "./token.ts";

const account = createKey("account");
const signer = createKey("account");
const user = createKey("user");
const jwt = signClaims(signer, {
  subject: user.publicKey,
  name: "gw-1",
  issued: 1_700_000_000,
  expires: 1_700_000_060,
  nats: { type: "user", issuer_account: account.publicKey },
});

describe("claims", () => {
  test("are read when their issuer has signed them, and not when a letter is another", ({ expect }) => {
    expect(readClaims(jwt)).toMatchObject({ sub: user.publicKey, iss: signer.publicKey, exp: 1_700_000_060 });
    expect(validityOf(jwt)).toEqual({
      name: "gw-1",
      publicKey: user.publicKey,
      issued: 1_700_000_000_000,
      expires: 1_700_000_060_000,
    });
    const claims = readClaims(jwt);
    expect(claims === undefined ? undefined : accountOf(claims)).toBe(account.publicKey);
    const [head = "", body = "", signature = ""] = jwt.split(".");
    const other = Buffer.from(Buffer.from(body, "base64url").toString().replace("gw-1", "gw-2")).toString("base64url");
    expect([readClaims(`${head}.${other}.${signature}`), readClaims(`${head}.${body}.`), readClaims("a.b.c")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("tokens", () => {
  test("are read as they were written", ({ expect }) => {
    const text = formatToken({ urls: ["tls://hub.example:4222"], jwt, seed: user.seed });
    const found = parseToken(` ${text}\n`);
    expect(found).toEqual({ urls: ["tls://hub.example:4222"], jwt, ...user, fleet: account.publicKey });
  });

  test("are refused without a word of what is in them, whatever they are", ({ expect }) => {
    const text = formatToken({ urls: ["tls://hub.example:4222"], jwt, seed: user.seed });
    const other = formatToken({ urls: ["tls://hub.example:4222"], jwt, seed: createKey("user").seed });
    const strange = formatToken({ urls: ["file:///etc/passwd"], jwt, seed: user.seed });
    const anything = oneof(string(), constantFrom(other, strange, text.slice(1), `${text}~`, text.replace("~", "")));
    assert(
      property(anything, (bad) => {
        try {
          parseToken(bad);
        } catch (error) {
          return isPetioleError(error, "ERR_ENROL_TOKEN") && !error.message.includes(user.seed.slice(4, 12));
        }
        return false;
      }),
    );
    expect(text).toContain(user.seed);
  });
});

describe("requests", () => {
  const [key, recovery] = [createKey("user"), createKey("user")];
  const payload: Payload = {
    v: 1,
    purpose: "enrol",
    fleet: account.publicKey,
    name: "gw-1",
    key: key.publicKey,
    recovery: recovery.publicKey,
    facts: { arch: "arm64" },
  };

  test("are taken from whoever has all the keys that they name", ({ expect }) => {
    expect(parseRequest(formatRequest(payload, [user, key, recovery]), user.publicKey)).toEqual(payload);
    for (const signers of [[user, key], [key, recovery], []]) {
      expect(parseRequest(formatRequest(payload, signers), user.publicKey)).toBeUndefined();
    }
    // Signed, and sent by somebody else.
    const request = formatRequest(payload, [user, key, recovery]);
    expect(parseRequest(request, createKey("user").publicKey)).toBeUndefined();
    const twice = { ...payload, recovery: key.publicKey };
    expect(parseRequest(formatRequest(twice, [user, key]), user.publicKey)).toBeUndefined();
  });

  test("and answers may be any bytes", ({ expect }) => {
    assert(
      property(oneof(string(), json()), (text) => {
        expect([parseRequest(text, user.publicKey), parseAnswer(text)]).toEqual([undefined, undefined]);
      }),
    );
  });
});

test("keys are told apart by their kind", ({ expect }) => {
  expect(isPublicKey(user.publicKey, "user")).toBe(true);
  const typo = `${user.publicKey.slice(0, -1)}${user.publicKey.endsWith("A") ? "B" : "A"}`;
  expect([isPublicKey(account.publicKey, "user"), isPublicKey(typo, "user")]).toEqual([false, false]);
  expect([keyOfSeed(user.seed, "account"), keyOfSeed("SU", "user")]).toEqual([undefined, undefined]);
  expect(formatCredentials({ jwt, seed: user.seed }).split("\n")).toContain(user.seed);
});

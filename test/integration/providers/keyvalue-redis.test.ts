// Pins `wasi:keyvalue` on a real Redis.

import { afterAll, beforeAll, describe } from "vitest";
import { createKeyValueRedisProvider } from "../../../providers/keyvalue/redis/index.ts";
import { wasiKeyValueSuite } from "../../conformance/keyvalue/suite.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { startRedis, testRedisBinary, type TestRedis } from "../../support/redis.ts";

const binary = await testRedisBinary();

describe.skipIf(binary === undefined)("keyvalue-redis", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis({ binary: binary ?? "" });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  let made = 0;
  wasiKeyValueSuite({
    name: "Redis",
    ordered: false,
    create: async () => {
      made += 1;
      // What begins like a pattern matches nothing else.
      const config = { url: `redis://${server.host}`, prefix: `t*[${made}]:` };
      return await startProvider(createKeyValueRedisProvider, config);
    },
  });
});

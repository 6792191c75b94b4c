import { describe, test } from "vitest";
import { millis, seconds } from "../../domain/units.ts";
import { quote, renderLeafConfig, type LeafSettings } from "./leaf-config.ts";
import { FLOOR } from "./server-version.ts";

const settings: LeafSettings = {
  device: "press-7",
  listen: { host: "127.0.0.1", port: 4222 },
  monitor: { host: "::1", port: 0 },
  remote: {
    urls: ["tls://hub-a.example:7422", "tls://hub-b.example:7422"],
    credentials: "/etc/petiole/device.creds",
    tls: { ca: "/etc/petiole/ca.pem" },
  },
};
const files = { portsFolder: "/var/lib/petiole/leaf/ports" };

describe("renderLeafConfig()", () => {
  test("renders what the oldest supported server knows", ({ expect }) => {
    expect(renderLeafConfig(settings, files, FLOOR)).toBe(`server_name: "press-7"
listen: "127.0.0.1:4222"
http: "[::1]:-1"
ports_file_dir: "/var/lib/petiole/leaf/ports"
logtime: false
ping_interval: "20000ms"
ping_max: 2
leafnodes {
  remotes = [
    {
      urls: ["tls://hub-a.example:7422", "tls://hub-b.example:7422"]
      credentials: "/etc/petiole/device.creds"
      tls {
        ca_file: "/etc/petiole/ca.pem"
      }
    }
  ]
}
`);
  });

  test("adds patience for slow links where the server knows it", ({ expect }) => {
    const slow = { ...settings, firstInfoTimeout: seconds(30), pingInterval: millis(1500) };
    const newest = renderLeafConfig(slow, files, { major: 2, minor: 14, patch: 9 });
    expect(newest).toContain('first_info_timeout: "30000ms"');
    expect(newest).toContain('dial_timeout: "30000ms"');
    expect(newest).toContain('ping_interval: "1500ms"');
    const older = renderLeafConfig(slow, files, { major: 2, minor: 10, patch: 26 });
    expect(older).toContain("first_info_timeout");
    expect(older).not.toContain("dial_timeout");
    expect(renderLeafConfig(slow, files, { major: 2, minor: 10, patch: 25 })).not.toContain("first_info_timeout");
  });

  test("refuses TLS before the greeting on a server that cannot", ({ expect }) => {
    const tls = { ...settings, remote: { urls: ["tls://hub"], tls: { handshakeFirst: true } } };
    expect(() => renderLeafConfig(tls, files, FLOOR)).toThrow(expect.objectContaining({ code: "ERR_LEAF_SERVER" }));
    expect(renderLeafConfig(tls, files, { major: 2, minor: 10, patch: 0 })).toContain("handshake_first: true");
  });
});

test("quote() leaves no way out of the quotes", ({ expect }) => {
  expect(quote('a"b\\c\n\u0000\u007f')).toBe(String.raw`"a\"b\\c\x0A\x00\x7F"`);
  expect(quote("$HOME # {} ü")).toBe('"$HOME # {} ü"');
});

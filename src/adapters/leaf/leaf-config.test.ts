import { describe, test } from "vitest";
import { millis, seconds } from "../../domain/units.ts";
import { quote, renderLeafConfig, type LeafRendering, type LeafSecrets, type LeafSettings } from "./leaf-config.ts";
import { FLOOR, type ServerVersion } from "./server-version.ts";

const settings: LeafSettings = {
  device: "press-7",
  listen: { host: "127.0.0.1", port: 4222 },
  monitor: { host: "::1", port: 0 },
  remote: {
    urls: ["tls://hub-a.example:7422", "tls://hub-b.example:7422"],
    credentials: "/etc/petiole/device.creds",
    tls: { ca: "/etc/petiole/ca.pem" },
  },
  reconnect: seconds(7),
};
const secrets: LeafSecrets = {
  uplinkKey: "UPLINKKEY",
  localKey: "LOCALKEY",
  anonymousPassword: "nobody knows",
  processes: { user: "petiole-process", password: "for processes" },
  passwords: new Map([["plc", "s3cret"]]),
};
const NEWEST: ServerVersion = { major: 2, minor: 14, patch: 9 };
const LOCAL_PERMISSIONS =
  'permissions: { publish: { deny: ["$SYS.>", "$JS.>"] }, subscribe: { deny: ["$SYS.>", "$JS.>"] } }';

function render(changes: Partial<LeafRendering>): string {
  const files = { portsFolder: "/var/lib/petiole/leaf/ports" };
  return renderLeafConfig({ settings, secrets, files, version: FLOOR, ...changes });
}

describe("renderLeafConfig()", () => {
  test("leaves the hub out when there is none", ({ expect }) => {
    const text = render({ settings: { ...settings, remote: undefined } });
    expect(text).toContain("leafnodes {\n  reconnect: 7\n}\n");
    expect(text).not.toContain("remotes");
  });

  test("renders what the oldest supported server knows", ({ expect }) => {
    expect(render({})).toBe(`server_name: "press-7"
listen: "127.0.0.1:4222"
http: "[::1]:-1"
ports_file_dir: "/var/lib/petiole/leaf/ports"
logtime: false
ping_interval: "10000ms"
ping_max: 2
accounts {
  UPLINK {
    users: [
      { nkey: "UPLINKKEY" }
    ]
  }
  LOCAL {
    users: [
      { nkey: "LOCALKEY" }
      { user: "anonymous", password: "nobody knows", ${LOCAL_PERMISSIONS} }
    ]
  }
}
no_auth_user: "anonymous"
leafnodes {
  reconnect: 7
  remotes = [
    {
      urls: ["tls://hub-a.example:7422", "tls://hub-b.example:7422"]
      account: "UPLINK"
      credentials: "/etc/petiole/device.creds"
      tls {
        ca_file: "/etc/petiole/ca.pem"
        timeout: 10
      }
    }
  ]
}
`);
  });

  test("lets nobody in without a log-in when there are local users", ({ expect }) => {
    const users = [{ name: "plc", passwordFile: "/etc/petiole/plc" }, { nkey: "UGATEWAY" }];
    const text = render({ settings: { ...settings, local: { users, grants: { publish: [], subscribe: [] } } } });
    expect(text).not.toMatch(/anonymous|no_auth_user/);
    expect(text).toContain(`{ user: "plc", password: "s3cret", ${LOCAL_PERMISSIONS} }`);
    expect(text).toContain(`{ nkey: "UGATEWAY", ${LOCAL_PERMISSIONS} }`);
  });

  test("lets the granted subjects across, each in its direction", ({ expect }) => {
    const grants = { publish: ["telemetry.>"], subscribe: ["commands.*"] };
    const text = render({ settings: { ...settings, local: { users: [], grants } } });
    const [uplink, local] = text.split("  LOCAL {");
    expect(uplink).toContain('{ stream: "commands.*", accounts: ["LOCAL"] }');
    expect(uplink).toContain('{ stream: { account: "LOCAL", subject: "telemetry.>" } }');
    expect(local).toContain('{ stream: "telemetry.>", accounts: ["UPLINK"] }');
    expect(local).toContain('{ stream: { account: "UPLINK", subject: "commands.*" } }');
  });

  test("adds patience for slow links where the server knows it", ({ expect }) => {
    const slow = { ...settings, firstInfoTimeout: seconds(30), pingInterval: millis(1500) };
    const newest = render({ settings: slow, version: NEWEST });
    expect(newest).toContain('first_info_timeout: "30000ms"');
    expect(newest).toContain('dial_timeout: "30000ms"');
    expect(newest).toContain('ping_interval: "1500ms"');
    const older = render({ settings: slow, version: { major: 2, minor: 10, patch: 26 } });
    expect(older).toContain("first_info_timeout");
    expect(older).not.toContain("dial_timeout");
    expect(render({ settings: slow, version: { major: 2, minor: 10, patch: 25 } })).not.toContain("first_info_timeout");
  });

  test("refuses what the server cannot do, and says from which release on it can", ({ expect }) => {
    const tls = { ...settings, remote: { urls: ["tls://hub"], tls: { handshakeFirst: true } } };
    const refusal = (message: string): unknown =>
      expect.objectContaining({ code: "ERR_LEAF_SERVER", message: expect.stringContaining(message) });
    expect(() => render({ settings: tls })).toThrow(refusal("found nats-server 2.9.10, want 2.10.0 or later"));
    expect(render({ settings: tls, version: { major: 2, minor: 10, patch: 0 } })).toContain("handshake_first: true");
    const nkey = { secrets: { ...secrets, remoteSeed: "SUSEED" } };
    expect(() => render({ ...nkey, version: { major: 2, minor: 10, patch: 29 } })).toThrow(refusal("want 2.11.0"));
    expect(render({ ...nkey, version: { major: 2, minor: 11, patch: 0 } })).toContain('nkey: "SUSEED"');
  });
});

test("quote() leaves no way out of the quotes", ({ expect }) => {
  expect(quote('a"b\\c\n\u0000\u007f')).toBe(String.raw`"a\"b\\c\x0A\x00\x7F"`);
  expect(quote("$HOME # {} ü")).toBe('"$HOME # {} ü"');
});

test("renderLeafConfig() lets provider processes of a lattice into the uplink, for the subjects of the lattice alone", ({
  expect,
}) => {
  const subjects = '["works.>", "wasmbus.rpc.works.>", "_INBOX.>"]';
  const text = render({ settings: { ...settings, lattice: "works" } });
  expect(text).toContain(
    `{ user: "petiole-process", password: "for processes", permissions: { publish: { allow: ${subjects} }, subscribe: { allow: ${subjects} } } }`,
  );
  expect(render({})).not.toContain("petiole-process");
});

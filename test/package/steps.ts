// What the package promises (docs/install.md), in the order of its life. Each step leaves behind what the next begins with.

import { strict as assert } from "node:assert";
import type { OutboxReport } from "../../src/domain/outbox-report.ts";
import type { AgentStatus } from "../../src/domain/status.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Debian } from "./debian.ts";

export interface Step {
  readonly what: string;
  readonly act: () => Promise<void>;
}

/** Paths of the packages inside the Debian. */
export interface Packages {
  readonly first: string;
  readonly second: string;
}

const READY_MS = 120_000;
const CONFIG = "/etc/petiole/petiole.yaml";
/** With what an agent does that a restriction could forbid: it compiles, in a process of its own, and starts a server. */
const WORKING_CONFIG = `
device: { id: unnamed }
hub: { mode: leaf, urls: ["nats-leaf://127.0.0.1:7422"], domain: hub }
components:
  smoother: { file: smoother.wasm, config: { factor: 0.3, limit: 75, hysteresis: 5 }, deadline: 10s }
providers:
  broker: { type: mqtt, config: { broker: { listen: "127.0.0.1:1883" } } }
  store: { type: keyvalue-sqlite }
  cloud: { type: messaging-nats }
links:
  - from: broker
    to: smoother
    interfaces: [wasmcloud:messaging/handler]
    config: { subscriptions: [{ topic: "sensors/#", qos: 1 }] }
  - { from: smoother, to: store, interfaces: [wasi:keyvalue/store, wasi:keyvalue/atomics] }
  - from: smoother
    to: cloud
    interfaces: [wasmcloud:messaging/consumer]
    config: { lanes: [{ subject: "alarms.>", lane: critical }, { subject: "readings.>", lane: standard }] }
`;
const install = (file: string, ...options: string[]): string =>
  `apt-get install -y -qq ${options.join(" ")} -o Dpkg::Options::=--force-confold ${file}`;
const owners = "stat -c '%U:%G %a'";

/** As in the making of an image: nothing is started, and everything is there for the first boot. */
export function chrootSteps({ ok, sh }: Debian, { first, second }: Packages): Step[] {
  return [
    {
      what: "a data partition keeps its owner's number",
      act: async () => {
        await ok("mkdir -m 700 /var/lib/petiole && chown 987:987 /var/lib/petiole");
        await ok(install(first));
        assert.equal(await ok("id -u petiole"), "987");
        assert.match(await ok("id -Gn petiole"), /\bdialout\b/);
        assert.match(await ok("id -Gn petiole"), /\bgpio\b/);
        assert.match(await ok("id -Gn petiole"), /\bi2c\b/);
      },
    },
    {
      what: "the service is enabled, and nothing was started",
      act: async () => {
        assert.equal(await ok("systemctl is-enabled petiole.service"), "enabled");
        assert.equal((await sh("test -e /run/petiole/petiole.sock")).code, 1);
      },
    },
    {
      what: "the executable runs, and the configuration has no fault",
      act: async () => {
        assert.match(await ok("petiole version"), /^petiole /);
        assert.match(await ok(`petiole config check ${CONFIG}`), /no faults/);
        assert.equal(await ok(`${owners} /etc/petiole`), "root:petiole 750");
        assert.equal(await ok(`${owners} ${CONFIG}`), "root:petiole 640");
      },
    },
    {
      what: "what was unpacked is what was packed",
      act: async () =>
        assert.equal(await ok("dpkg --verify petiole | grep -v ' c \\| /usr/share/\\(doc\\|man\\)' || true"), ""),
    },
    {
      what: "configuring again changes nothing",
      act: async () => {
        // What is there, whose, and with which content. Not its age: systemd-sysusers may write what stays the same.
        const listing = "find /etc /var/lib/petiole -printf '%p %u:%g %m %l\\n'";
        const state = `(${listing}; find /etc -type f -exec sha256sum {} +) | sort`;
        const before = await ok(state);
        await ok("/var/lib/dpkg/info/petiole.postinst configure ''");
        await ok("/var/lib/dpkg/info/petiole.postinst configure 1.0.0");
        assert.equal(await ok(state), before);
      },
    },
    {
      what: "an upgrade that was cut off is made up for",
      act: async () => {
        await ok(`dpkg --unpack ${second}`);
        await ok("dpkg --configure -a");
        assert.equal(await ok("dpkg-query -Wf '${Version} ${db:Status-Abbrev}' petiole"), "1.1.0 ii");
      },
    },
    {
      what: "purging takes the package and the configuration, and no state",
      act: async () => {
        await ok("touch /var/lib/petiole/mark && apt-get purge -y -qq petiole");
        assert.equal((await sh("test -e /etc/petiole")).code, 1);
        await ok("test -e /var/lib/petiole/mark");
        assert.equal(await ok("find /etc/systemd /var/lib/systemd -name 'petiole*'"), "");
      },
    },
    {
      what: "an empty data partition that belongs to root gives nobody root's number",
      act: async () => {
        await ok("userdel petiole && rm -rf /var/lib/petiole && mkdir /var/lib/petiole");
        await ok(install(second));
        assert.notEqual(await ok("id -u petiole"), "0");
        assert.equal(await ok(`${owners} /var/lib/petiole`), "petiole:petiole 700");
      },
    },
  ];
}

/** On a device that runs. */
export function serviceSteps({ ok, sh }: Debian, { first, second }: Packages): Step[] {
  const show = (property: string): Promise<string> => ok(`systemctl show -P ${property} petiole.service`);
  const isActive = async (): Promise<boolean> => (await show("ActiveState")) === "active";
  /** With what the journal says when it does not come. */
  const becomesActive = async (): Promise<void> => {
    try {
      await waitFor("the service", isActive, READY_MS);
    } catch (error) {
      throw new Error(await ok("journalctl -u petiole --no-pager -o cat | tail -n 20"), { cause: error });
    }
  };
  const status = async (): Promise<AgentStatus> => JSON.parse(await ok("petiole status --json")) as AgentStatus;
  const waiting = async (): Promise<number> => {
    const { stats } = JSON.parse(await ok("petiole outbox --json")) as OutboxReport;
    return stats.lanes.find(({ lane }) => lane === "critical")?.rows ?? -1;
  };
  let pid = "";
  /** Waits until another process than before is ready. */
  const isAnother = async (): Promise<void> => {
    // Both at once: a service that has just died can still count as active.
    const look = "systemctl show -p ActiveState -p MainPID petiole.service";
    pid = await waitFor(
      "another process",
      async () => {
        const said = await ok(look);
        const found = /^MainPID=([1-9]\d*)$/m.exec(said)?.[1];
        return said.includes("ActiveState=active") && found !== pid && found;
      },
      READY_MS,
    );
  };

  return [
    {
      what: "an installation starts the service, offline",
      act: async () => {
        await ok(install(first));
        await becomesActive();
        pid = await show("MainPID");
        assert.equal(await ok(`stat -c %U /proc/${pid}`), "petiole");
        assert.equal(await ok("systemctl is-system-running"), "running");
        assert.equal(await show("NRestarts"), "0");
        assert.equal(await ok(`${owners} /run/petiole/petiole.sock`), "petiole:petiole 660");
      },
    },
    {
      what: "messages are taken and kept",
      act: async () => {
        await ok("echo hot | petiole outbox publish alarms.boiler --lane critical");
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "a component and a nats-server run under all restrictions of the unit",
      act: async () => {
        await ok("install -m 640 -g petiole /root/smoother.wasm /etc/petiole/smoother.wasm");
        await ok(`cat > ${CONFIG} <<'END'\n${WORKING_CONFIG}END`);
        await ok(`petiole config check ${CONFIG} && systemctl restart petiole.service`);
        await isAnother();
        const { components, providers } = await status();
        assert.deepEqual(
          components.map(({ id, state }) => `${id} ${state}`),
          ["smoother running"],
        );
        assert.deepEqual([...new Set(providers.map(({ state }) => state))], ["running"]);
        const server = await ok("grep -l '^nats-server$' /proc/[0-9]*/comm | head -n 1");
        assert.equal(await ok(`stat -c %U ${server.replace(/comm$/, "")}`), "petiole");
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "an upgrade restarts the service, and keeps configuration and messages",
      act: async () => {
        await ok(`echo '# mine' >> ${CONFIG} && echo secret > /etc/petiole/hub.creds`);
        await ok(install(second));
        await isAnother();
        assert.equal(await ok(`tail -n 1 ${CONFIG}`), "# mine");
        assert.equal(await ok(`${owners} ${CONFIG}`), "root:petiole 640");
        assert.equal(await waiting(), 1);
        assert.equal(await ok("systemctl is-system-running"), "running");
      },
    },
    {
      what: "so does going back to the version before",
      act: async () => {
        await ok(install(first, "--allow-downgrades"));
        await isAnother();
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "a service that was killed comes back",
      act: async () => {
        await ok("systemctl kill -s KILL petiole.service");
        await isAnother();
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "a service that was stopped and disabled stays so",
      act: async () => {
        await ok("systemctl disable --now --quiet petiole.service");
        await ok(install(second));
        assert.equal(await show("ActiveState"), "inactive");
        assert.equal((await sh("systemctl is-enabled petiole.service")).out, "disabled");
        await ok("systemctl enable --now --quiet petiole.service");
        await becomesActive();
      },
    },
    {
      what: "a removal stops the service, and keeps configuration, cache and state",
      act: async () => {
        await ok("touch /var/cache/petiole/mark && apt-get remove -y -qq petiole");
        assert.equal(await ok("find /proc -maxdepth 1 -user petiole"), "");
        assert.equal((await sh("test -e /usr/bin/petiole -o -e /usr/lib/petiole")).code, 1);
        await ok(`test -e ${CONFIG} -a -e /var/lib/petiole -a -e /var/cache/petiole/mark`);
        assert.equal(await ok("systemctl is-system-running"), "running");
      },
    },
    {
      what: "installed again, it goes on with both",
      act: async () => {
        await ok(install(second));
        await becomesActive();
        assert.equal(await ok(`tail -n 1 ${CONFIG}`), "# mine");
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "a purge takes configuration and cache, and neither state nor files of the administrator",
      act: async () => {
        await ok("apt-get purge -y -qq petiole");
        assert.equal(await ok("ls /etc/petiole"), "hub.creds\nsmoother.wasm");
        assert.equal((await sh("test -e /var/cache/petiole -o -e /run/petiole")).code, 1);
        await ok("test -d /var/lib/petiole && id petiole");
      },
    },
    {
      what: "installed anew, it finds the messages",
      act: async () => {
        await ok(install(second));
        await becomesActive();
        assert.equal(await waiting(), 1);
      },
    },
    {
      what: "a purge with PETIOLE_PURGE_STATE=1 takes the state too",
      act: async () => {
        await ok("PETIOLE_PURGE_STATE=1 apt-get purge -y -qq petiole");
        assert.equal((await sh("test -e /var/lib/petiole")).code, 1);
      },
    },
  ];
}

// `petiole dev`: new code runs without a new component, what is wrong is shown and hinders nothing, the devices are played,
// and nothing is left at the end.

import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "vitest";
import { petiole } from "../support/agent.ts";
import { writeFileAtomic } from "../../src/lib/files.ts";
import { planProject, writeProject } from "../../src/toolchain/new/new.ts";
import { copyProject, startDev, type TestDev } from "../support/dev-session.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

/** As a whole: a file that is seen while it is empty has faults of its own. */
const save = async (file: string, text: string): Promise<void> => await writeFileAtomic(file, text, 0o644);

/** Presses the button, and gives what the component says about it. */
async function press(dev: TestDev): Promise<string> {
  await dev.send("gpio set button on");
  const { text } = await dev.next("said");
  await dev.send("gpio set button off");
  await dev.next("device", ({ device, text: level }) => device === "gpio lamp" && level === "inactive");
  return text;
}

test(
  "petiole dev follows the sources, keeps what works, and leaves nothing behind",
  { timeout: 600_000 },
  async ({ expect }) => {
    await using project = await copyProject("lamp");
    const greeting = join(project.folder, "src", "greeting.ts");
    const say = (text: string): Promise<void> => save(greeting, `export const greeting = (): string => ${text};\n`);
    await using dev = await startDev(project.folder);

    expect(await press(dev)).toBe("hello, press 1");
    expect(await dev.send("gpio get lamp")).toBe("lamp inactive");

    await say('"good day"');
    expect(await dev.next("running")).toMatchObject({ how: "code", component: "lamp" });
    // What the store has is there still.
    expect(await press(dev)).toBe("good day, press 2");

    await say('"good day');
    expect(await dev.next("failed")).toMatchObject({
      goesOn: true,
      faults: [{ file: join("src", "greeting.ts"), line: 1 }],
    });
    expect(await press(dev)).toBe("good day, press 3");

    // It can be bundled, and fails when it is run.
    await say('"x"; missing()');
    expect(await dev.next("failed")).toMatchObject({
      goesOn: true,
      faults: [{ file: join("src", "greeting.ts"), line: 1 }],
    });
    expect(await press(dev)).toBe("good day, press 4");

    // Types are told of afterwards.
    await say("4");
    await dev.next("running");
    expect(await press(dev)).toBe("4, press 5");
    await say("5");
    const isAboutType = ({ message }: { readonly message: string }): boolean => message.includes("number");
    const { faults } = await dev.next("types", (event) => event.faults.some(isAboutType));
    expect(faults).toMatchObject([{ file: join("src", "greeting.ts"), line: 1 }]);

    await dev.send("mqtt publish questions/weather how is it");
    const call = await dev.next("call", ({ what }) => what.includes("handle-message"));
    expect(call).toMatchObject({ from: "broker", component: "lamp" });
    expect(call).not.toHaveProperty("error");
    await dev.next("device", ({ device, text }) => device === "mqtt answers" && text === '"how is it"');

    await say('"bye"');
    await dev.next("running");
    // Another manifest is taken up as a whole, on the same state.
    const manifest = join(project.folder, "application.yaml");
    await save(manifest, (await readFile(manifest, "utf8")).replace("instances: 1", "instances: 2"));
    expect(await dev.next("running")).toMatchObject({ how: "component" });
    expect(await press(dev)).toBe("bye, press 6");

    const folder = dirname(dev.pointer.socket);
    expect(existsSync(folder)).toBe(true);
    const children = await childrenOf(dev.pid);
    expect(await dev.stop()).toBe(0);
    expect(existsSync(folder)).toBe(false);
    expect(await readdir(join(project.folder, ".petiole"))).not.toContain("dev.json");
    await waitFor("its processes to be gone", () => children.every((pid) => !existsSync(`/proc/${pid}`)));
  },
);

test(
  "petiole dev builds a component that cannot have a loader whole, and keeps one of them",
  { timeout: 600_000 },
  async ({ expect }) => {
    await using project = await copyProject("lamp");
    const edit = async (file: string, change: (text: string) => string): Promise<void> =>
      await save(join(project.folder, file), change(await readFile(join(project.folder, file), "utf8")));
    const resource = "interface things {\n  resource thing { constructor(); }\n}\n\nworld lamp {\n  export things;";
    await edit("wit/world.wit", (text) => text.replace("world lamp {", resource));
    await edit("src/index.ts", (text) => `${text}\nexport const things = { Thing: class {} };\n`);
    await using dev = await startDev(project.folder);

    await edit("src/greeting.ts", () => 'export const greeting = (): string => "whole;\n');
    expect(await dev.next("failed")).toMatchObject({
      goesOn: true,
      faults: [{ file: join("src", "greeting.ts"), line: 1 }],
    });
    expect(await press(dev)).toBe("hello, press 1");
    await edit("src/greeting.ts", () => 'export const greeting = (): string => "whole";\n');
    expect(await dev.next("running")).toMatchObject({ how: "component" });
    expect(await press(dev)).toBe("whole, press 2");
    const files = await readdir(dirname(dev.pointer.socket));
    expect(files.filter((name) => name.endsWith(".wasm"))).toHaveLength(1);
    expect(await dev.stop()).toBe(0);
  },
);

test("petiole dev plays every kind of device", { timeout: 600_000 }, async ({ expect }) => {
  await using project = await copyProject("station");
  await using dev = await startDev(project.folder);
  const said = async (text: string): Promise<void> => void (await dev.next("said", (event) => event.text === text));
  const second = await petiole("dev", "--dir", project.folder);
  expect([second.code, second.stderr]).toEqual([2, expect.stringContaining("ERR_DEV_RUNNING") as string]);

  const sent = await petiole("dev", "send", "--dir", project.folder, "--", "modbus", "set", "temperature", "-12.5");
  expect([sent.code, sent.stdout]).toEqual([0, "temperature -12.5\n"]);
  await said("temperature -12.5, alarm 0");
  expect(await dev.send("modbus set 10004 1")).toBe("10004 1");
  await said("temperature -12.5, alarm 1");

  await dev.send("serial send scale 12.5 kg");
  await said("scale got 12.5 kg");
  await dev.next("device", ({ device, text }) => device === "serial scale" && text.includes("12.5 kg"));

  await dev.send("sensors set hall 23.5");
  await dev.send("i2c set climate 10 19 a0");
  const firing = { name: "now", scheduledFor: { seconds: "1n", nanoseconds: 0 }, synced: true, count: "1n", missed: 0 };
  const call = `call petiole:timer/timer-handler#handle-timer ${JSON.stringify({ ...firing, attempt: 1, payload: "" })}`;
  expect(await dev.send(call)).toBe("none");
  await said("now: hall 23.5, climate 25 160");
  expect(await dev.send("modbus get 40041")).toBe("40041 1234");

  await expect(dev.send("modbus set humidity 3")).rejects.toMatchObject({
    code: "ERR_DEV_COMMAND",
    message: expect.stringMatching(/temperature, alarm/) as string,
  });
  await expect(dev.send("gpio set lamp on")).rejects.toThrow(/has none/);
  expect(await dev.stop()).toBe(0);
  const nobody = await petiole("dev", "send", "--dir", project.folder, "devices");
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining("ERR_CONTROL_UNREACHABLE") as string]);
});

test("petiole dev follows what petiole new makes", { timeout: 600_000 }, async ({ expect }) => {
  await using temp = await tempFolder();
  const plan = await planProject("notes", { template: "http", folder: join(temp.path, "notes") });
  await writeProject(plan);
  const { folder } = plan;
  await using dev = await startDev(folder);
  expect(await dev.send("http GET /")).toBe('200 {"greeting":"hello"}');
  expect(await dev.send("http PUT /values/a what is kept")).toMatch(/^200 /);

  const api = join(folder, "src", "api.ts");
  const source = await readFile(api, "utf8");
  await save(api, source.replace("body: { greeting }", "body: { greeting: greeting.toUpperCase() }"));
  await dev.next("running", ({ how }) => how === "code");
  expect(await dev.send("http GET /")).toBe('200 {"greeting":"HELLO"}');
  expect(await dev.send("http GET /values/a")).toContain("what is kept");

  await save(api, source.replace("body: { greeting }", "body: { greeting: }"));
  const { faults } = await dev.next("failed");
  const line = source.split("\n").findIndex((text) => text.includes("body: { greeting }")) + 1;
  expect(faults).toMatchObject([{ file: join("src", "api.ts"), line }]);
  expect(await dev.send("http GET /")).toBe('200 {"greeting":"HELLO"}');

  // What fails at run time is told of with its place in the sources.
  await save(api, source.replace("body: { greeting }", "body: { greeting: greeting.nothing.there }"));
  await dev.next("running");
  expect(await dev.send("http GET /")).toMatch(/^50[03] /);
  await dev.next("said", ({ level }) => level === "error");
  expect(await dev.stop()).toBe(0);
});

async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((text) =>
    text
      .trim()
      .split(" ")
      .filter((one) => one !== "")
      .map(Number),
  );
}

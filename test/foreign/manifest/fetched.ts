// Large components of Python packages: interpreters with everything they need. Fetched by scripts/foreign/fetch.ts.

import { call, type ForeignCall, type ForeignComponent } from "../foreign-component.ts";

const EXECUTOR = "hyperlight:sandbox/executor";
const RUNNER = "capsule:host/task-runner";

const HYPERLIGHT_JS = {
  wheel: "hyperlight_sandbox_javascript_guest-0.8.0-py3-none-any.whl",
  path: "javascript_guest/resources/js-sandbox.wasm",
  sha256: "c0b20ef221d28f0f9ed0016b9fe9f73a5908ea6b84f4f4a087e5f3157120720a",
};
const HYPERLIGHT_PYTHON = {
  wheel: "hyperlight_sandbox_python_guest-0.8.0-py3-none-any.whl",
  path: "python_guest/resources/python-sandbox.wasm",
  sha256: "8d7c073166dc5b1d00b943f0e0cddd7b8d63529781cd06deffb7e27b0a246acb",
};
const CAPSULE = "capsule_run_adapter-0.3.5-py2.py3-none-any.whl";

const executes = (code: string, stdout: string): ForeignCall =>
  call(EXECUTOR, "run", [code], { stdout, stderr: "", exitCode: 0 });
const runs = (task: object, result: object): ForeignCall => ({
  ...call(RUNNER, "run", [JSON.stringify(task)], result),
  parses: true,
});

/** The tool that guest code may call. */
const tools = () => (_interfaceName: string, functionName: string, args: readonly unknown[]) => {
  if (functionName === "dispatch") return JSON.stringify({ dispatched: args });
  throw new Error(`nothing serves ${functionName}`);
};

/** Takes the tasks that guest code gives out. */
const scheduler = () => (_interfaceName: string, functionName: string, args: readonly unknown[]) => {
  if (functionName === "schedule-task")
    return JSON.stringify({ success: true, result: `scheduled ${String(args[0])}` });
  throw new Error(`nothing serves ${functionName}`);
};

export const FETCHED: readonly ForeignComponent[] = [
  {
    name: "hyperlight-javascript",
    language: "JavaScript",
    madeWith: "componentize-js (StarlingMonkey)",
    shows: "SpiderMonkey, 14 MB",
    fetched: HYPERLIGHT_JS,
    host: tools,
    calls: [
      executes("console.log([3, 1, 2].sort().join(), new Date(0).toISOString())", "1,2,3 1970-01-01T00:00:00.000Z\n"),
      executes("let n = 0; for (let i = 0; i < 1e5; i++) n += i % 7; console.log(n)", "299995\n"),
    ],
  },
  {
    name: "hyperlight-python",
    language: "Python",
    madeWith: "componentize-py (CPython)",
    shows: "CPython with its library, 19 MB; sockets denied",
    fetched: HYPERLIGHT_PYTHON,
    host: tools,
    calls: [
      executes("import json, re; print(json.dumps(re.findall(r'\\d+', 'a1b22')))", '["1", "22"]\n'),
      executes("print(sum(i * i for i in range(1000)))", "332833500\n"),
    ],
  },
  {
    name: "capsule-javascript",
    language: "JavaScript",
    madeWith: "componentize-js (StarlingMonkey)",
    shows: "promises that the engine waits for, an import that the guest awaits, 13 MB",
    fetched: {
      wheel: CAPSULE,
      path: "capsule_adapter/sandboxes/js_sandbox.wasm",
      sha256: "7cb1cfbd6414ded375ab510a0bad9d95efc638866a53f5ef3ebee1a910aab412",
    },
    host: scheduler,
    calls: [
      runs({ task_name: "executeCode", args: ["[1, 2, 3].map((n) => n * n).join()"] }, { result: "1,4,9" }),
      runs({ args: ["EXECUTE_CODE", "1 + 2"] }, { result: "scheduled executeCode" }),
    ],
  },
  {
    name: "capsule-python",
    language: "Python",
    madeWith: "componentize-py (CPython)",
    shows: "CPython with its library, an import with a result, 22 MB",
    fetched: {
      wheel: CAPSULE,
      path: "capsule_adapter/sandboxes/python_sandbox.wasm",
      sha256: "71eb6b3a7fea63c98a21616af935c6e2fda59e05846a1ae739559bc00e0a1942",
    },
    host: scheduler,
    calls: [
      runs({ task_name: "execute_code", args: ["sum(range(10))"] }, { result: 45 }),
      runs({ args: ["EXECUTE_CODE", "1 + 2"] }, { result: "scheduled execute_code" }),
    ],
  },
];

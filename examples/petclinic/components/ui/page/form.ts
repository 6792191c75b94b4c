// Forms: fields with their labels and what is wrong with them, by the rules that the API has too.

import type { Checked, FieldFaults } from "../../common/forms.ts";
import { ApiError } from "./api.ts";
import { el, type Child } from "./dom.ts";

export interface Field {
  readonly name: string;
  readonly label: string;
  /** Of the input; `options` makes it a choice. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
}

export interface FormOptions<T> {
  readonly fields: readonly Field[];
  readonly submit: string;
  /** Where Cancel leads. */
  readonly cancel: string;
  readonly check: (values: Readonly<Record<string, string>>) => Checked<T>;
  /** Sends what was entered; with an `ApiError` the form stays. */
  readonly send: (values: Readonly<Record<string, string>>) => Promise<void>;
}

export function makeForm<T>({ fields, submit, cancel, check, send }: FormOptions<T>): HTMLFormElement {
  const inputs = new Map(fields.map((field) => [field.name, makeInput(field)]));
  const faults = new Map(fields.map(({ name }) => [name, el("p", { class: "fault", id: `${name}-fault` })]));
  const alert = el("div", { role: "alert" });
  const button = el("button", { class: "main" }, submit);
  // What is wrong is said in words of our own.
  const form = el("form", { class: "card edit", novalidate: "" }, alert);
  for (const { name, label } of fields) {
    const children: Child[] = [el("label", { for: name }, label)];
    for (const one of [inputs.get(name), faults.get(name)]) if (one !== undefined) children.push(one);
    form.append(el("div", { class: "field" }, ...children));
  }
  form.append(el("div", { class: "row" }, button, el("a", { href: cancel }, "Cancel")));

  function show(found: FieldFaults, message?: string): void {
    for (const [name, input] of inputs) {
      const fault = found[name] ?? "";
      faults.get(name)?.replaceChildren(fault);
      input.setAttribute("aria-invalid", String(fault !== ""));
    }
    const count = [...inputs.keys()].filter((name) => found[name] !== undefined).length;
    const other = count > 0 ? `Please look at ${count === 1 ? "one field" : `${count} fields`}` : message;
    alert.replaceChildren(...(other === undefined ? [] : [el("p", { class: "alert" }, other)]));
    for (const [name, input] of inputs) {
      if (found[name] === undefined) continue;
      input.focus();
      break;
    }
  }

  async function trySend(): Promise<void> {
    const values = Object.fromEntries([...inputs].map(([name, input]) => [name, input.value]));
    const checked = check(values);
    show(checked.ok ? {} : checked.faults);
    if (!checked.ok) return;
    // So that a second click sends nothing twice.
    button.disabled = true;
    try {
      await send(values);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      button.disabled = false;
      show(error.fields, error.message);
      if (Object.keys(error.fields).length === 0) button.focus();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) void trySend();
  });
  return form;
}

function makeInput({ name, attributes = {}, options }: Field): HTMLInputElement | HTMLSelectElement {
  const common = { id: name, name, required: "", "aria-describedby": `${name}-fault`, ...attributes };
  if (options === undefined) return el("input", { type: "text", ...common });
  const choice = el("select", common, el("option", { value: "" }, "Choose one"));
  choice.append(...options.map((option) => el("option", { value: option }, option)));
  return choice;
}

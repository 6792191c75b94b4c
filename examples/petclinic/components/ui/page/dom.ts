// Elements of the page. Text goes in as text nodes and attributes only: nothing that was entered is ever read as HTML.

export type Child = Node | string;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

/** Of a date such as `2024-01-31`, as people here write it. */
export const showDate = (date: string): HTMLTimeElement =>
  el("time", { datetime: date }, DAY.format(new Date(`${date}T00:00:00Z`)));

/** Finds what the document is known to have. */
export function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`Cannot find the part "${id}" of the page`);
  return found;
}

// Elements, made and kept. Nothing is ever parsed as HTML, and what has not changed is not touched: the focus, the
// selection and a screen reader stay where they are.

type Attributes = Readonly<Record<string, string>>;

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** @throws Error when the page has no such element */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`there is no #${id}`);
  return element;
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export interface Keyed<T, E extends Element> {
  readonly parent: Element;
  readonly key: (item: T) => string;
  readonly make: (item: T) => E;
  readonly update?: (element: E, item: T) => void;
}

/** Keeps one element for each item, in the order of the items, behind what the parent has already. */
export function keyedList<T, E extends Element>({
  parent,
  key,
  make,
  update,
}: Keyed<T, E>): (items: readonly T[]) => void {
  const known = new Map<string, E>();
  const before = parent.lastElementChild;
  return (items) => {
    const keys = new Set(items.map(key));
    for (const [name, element] of known) {
      if (keys.has(name)) continue;
      element.remove();
      known.delete(name);
    }
    let place: Element | null = before === null ? parent.firstElementChild : before.nextElementSibling;
    for (const item of items) {
      const name = key(item);
      const old = known.get(name);
      const element = old ?? make(item);
      known.set(name, element);
      update?.(element, item);
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
    }
  };
}

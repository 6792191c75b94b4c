// The views of the page, by their addresses: the component serves the document for them, and the page shows them.

export type View =
  | { readonly name: "owners" }
  | { readonly name: "vets" }
  | { readonly name: "owner"; readonly owner: number }
  | { readonly name: "add-owner" }
  | { readonly name: "add-pet"; readonly owner: number }
  | { readonly name: "add-visit"; readonly owner: number; readonly pet: number };

export function findView(path: string): View | undefined {
  if (path === "/" || path === "/owners") return { name: "owners" };
  if (path === "/vets") return { name: "vets" };
  if (path === "/owners/new") return { name: "add-owner" };
  const [, owner, rest = ""] = /^\/owners\/([1-9][0-9]{0,9})(\/.*)?$/.exec(path) ?? [];
  if (owner === undefined) return undefined;
  if (rest === "") return { name: "owner", owner: Number(owner) };
  if (rest === "/pets/new") return { name: "add-pet", owner: Number(owner) };
  const pet = /^\/pets\/([1-9][0-9]{0,9})\/visits\/new$/.exec(rest)?.[1];
  return pet === undefined ? undefined : { name: "add-visit", owner: Number(owner), pet: Number(pet) };
}

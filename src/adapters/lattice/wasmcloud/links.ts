// The links of one source, as the lattice keeps them. Pure.

import type { DeleteLinkRequest, Link } from "./wire.ts";

type Interface = Pick<Link, "wit_namespace" | "wit_package" | "name">;

const sameInterface = (one: Interface, other: Interface): boolean =>
  one.wit_namespace === other.wit_namespace && one.wit_package === other.wit_package && one.name === other.name;

export const LINK_CONFLICT =
  "link already exists with different target, consider deleting the existing link or using a different link name";

/** The links with this one among them; undefined when another link has one of its interfaces under its name. */
export function putLink(links: readonly Link[], link: Link): Link[] | undefined {
  const conflict = links.some(
    (other) =>
      sameInterface(other, link) &&
      other.target !== link.target &&
      other.interfaces.some((name) => link.interfaces.includes(name)),
  );
  if (conflict) return undefined;
  const place = links.findIndex((other) => sameInterface(other, link) && other.target === link.target);
  return place < 0 ? [...links, link] : links.with(place, link);
}

/** The links without the first one that the request names, and that one. */
export function deleteLink(
  links: readonly Link[],
  request: DeleteLinkRequest,
): { readonly links: readonly Link[]; readonly removed: Link | undefined } {
  const place = links.findIndex((link) => sameInterface(link, request));
  return { links: place < 0 ? links : links.toSpliced(place, 1), removed: links[place] };
}

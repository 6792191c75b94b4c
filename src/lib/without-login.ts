/** A URL as it may be shown: without user and password, or a token in their place. */
export const withoutLogin = (url: string): string => url.replace(/\/\/[^/?#]*@/, "//");

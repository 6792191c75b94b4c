/**
 * Text for a terminal: what is no character that is seen is shown as `?`, but for tabs and line ends. Names and reasons
 * come from elsewhere, and control characters would move the cursor or change the colours.
 */
export const printable = (text: string): string => text.replaceAll(/(?![\t\n])\p{Cc}/gu, "?");

/** What would move the cursor or change the colours of a terminal; names and reasons come from elsewhere. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text for a terminal: what is no character that is seen is shown as `?`, but for tabs and line ends. */
export const printable = (text: string): string => text.replaceAll(CONTROLS, "?");

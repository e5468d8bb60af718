/**
 * The name of a capture that the reader gives: a file by itself, because pages know it before they load anything that reads captures.
 */

/** The choice of a capture that the reader gives, and the name of its input. */
export const OWN_CAPTURE = { choice: "your own file", input: "capture" } as const;

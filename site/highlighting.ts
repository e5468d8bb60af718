/**
 * Code is highlighted to its end: what a page looks like must not depend on how busy the machine was that built it.
 */

/** The highlighter gives up on a line after half a second, and the colour that it was at goes on to the line's end. */
export const untilTheEnd = {
  name: "ptlab-until-the-end",
  preprocess(_code: string, options: { tokenizeTimeLimit?: number }): void {
    options.tokenizeTimeLimit = 0;
  },
};

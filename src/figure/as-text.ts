/**
 * A figure shown as its text table alone, as it goes into a mail.
 */
import { DISPLAY, type FigureData, type Host, type MimeBundle } from "./figure.ts";
import { toText } from "./text.ts";

/** A value that a notebook shows as the figure's text table (72 columns, ASCII), stamp included. */
export function asText(figure: FigureData): { readonly [DISPLAY]: (host: Host) => MimeBundle } {
  return { [DISPLAY]: (host) => ({ "text/plain": toText(figure, host.build) }) };
}

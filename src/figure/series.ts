/**
 * How series look: colours for white and near-black pages and for colour-blind eyes, each joined with a dash, a symbol
 * and a texture, so that a picture printed in grey still says which is which.
 */
import type { Row } from "./figure.ts";

/** What a series is drawn as: a line with dots, dots alone, or an area such as a bar. */
export type SeriesKind = "line" | "dot" | "fill";

/** One series: its name, its rows, and how to draw them. */
export interface Series {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly colour: string;
  /** The colour with a texture, for `fill`. */
  readonly fill: string;
  /** For `strokeDasharray`. */
  readonly dash: string;
  readonly symbol: SymbolName;
}

/**
 * Blue, vermilion, green, purple, ochre and grey in the spirit of Okabe and Ito's set, moved until each has a contrast of
 * at least 3 to both white and near-black (WCAG 2.2, 1.4.11; rules out their sky blue and yellow) and any two stay apart
 * for protan, deutan and tritan eyes. A test computes both.
 */
export const PALETTE = ["#0062cc", "#bb4416", "#16a77a", "#a77ecf", "#b48a00", "#586c65"] as const;

/** Dashes of lines, in the order of series. */
const DASHES = ["none", "7 3", "2 3", "9 3 2 3", "4 2"] as const;

/** Symbols of dots, in the order of series. */
const SYMBOLS = ["circle", "square", "triangle", "diamond2", "cross", "star"] as const;
/** Name of one of {@link SYMBOLS}. */
export type SymbolName = (typeof SYMBOLS)[number];

/** Textures of areas, in the order of series; `render.ts` draws them. */
const TEXTURES = ["solid", "rising", "dots", "falling", "level", "upright", "grid"] as const;
/** Name of one of {@link TEXTURES}. */
export type Texture = (typeof TEXTURES)[number];

/**
 * A look by the place of a series; the cycle of colours has no divisor in common with those of dashes and textures, so that
 * no two of the first 30 lines and no two of the first 42 areas are alike.
 */
export function look(index: number) {
  return {
    colour: PALETTE[index % PALETTE.length]!,
    dash: DASHES[index % DASHES.length]!,
    symbol: SYMBOLS[index % SYMBOLS.length]!,
    texture: TEXTURES[index % TEXTURES.length]!,
  };
}

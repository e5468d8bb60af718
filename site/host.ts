/**
 * What figures are drawn with while the site is built: a document without a browser.
 */
import { Window } from "happy-dom";
import type { Build, Host } from "../src/figure/figure.ts";

/** A host whose pictures say that `build` drew them. */
export const hostOf = (build: Build): Host => ({ document: new Window().document as unknown as Document, build });

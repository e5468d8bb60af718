// Draws a look at an address space; loaded when there is one, because it brings the plotting library.
import { addressMap } from "../../src/figure/address-map.ts";
import type { AddressSpace } from "../../src/study/map/space.ts";
import { type Drawn, drawn } from "../live/draw.ts";

/** The look that a path names. */
export const draw = (space: AddressSpace, path: string): Drawn => drawn(addressMap(space, path));

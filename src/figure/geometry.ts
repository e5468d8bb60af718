/**
 * How many digits of a place in a picture count: hundredths of a CSS pixel, far below what a screen shows and far above
 * the last bits of a floating-point number. Data never goes through here.
 */

const GEOMETRY = new Set("d transform x y x1 x2 y1 y2 cx cy r rx ry width height points dx dy stroke-width".split(" "));

/** True for an attribute of SVG that says where something is or how large. */
export const isGeometry = (attribute: string): boolean => GEOMETRY.has(attribute);

/** The value of such an attribute with every number rounded to two digits. */
export function roundGeometry(value: string): string {
  return value.replace(/-?\d*\.\d{3,}(e-?\d+)?/g, (n) => String(Math.round(Number(n) * 100) / 100 || 0));
}

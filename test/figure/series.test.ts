import { expect, test } from "vitest";
import { inkOn, RAMP } from "../../src/figure/ramp.ts";
import { look, PALETTE } from "../../src/figure/series.ts";

type Rgb = readonly [number, number, number];

/** Linear light of a colour such as `#0062cc`. */
function linear(hex: string): Rgb {
  const channel = (i: number) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

const times = (m: readonly Rgb[], [r, g, b]: Rgb) =>
  m.map((row) => row[0] * r + row[1] * g + row[2] * b) as unknown as Rgb;
const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Björn Ottosson's OKLab, in which distance is close to perceived difference. */
function oklab(rgb: Rgb): Rgb {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  );
  const roots = lms.map(Math.cbrt) as unknown as Rgb;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    roots,
  );
}

/** Machado, Oliveira and Fernandes (2009), severity 1. */
const EYES: Readonly<Record<string, readonly Rgb[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const clamp = (rgb: Rgb) => rgb.map((c) => Math.min(1, Math.max(0, c))) as unknown as Rgb;
const distance = (a: Rgb, b: Rgb) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

test.each(PALETTE)("%s has a contrast of at least 3 to white and to near-black", (colour) => {
  for (const page of ["#ffffff", "#17181c"]) expect(contrast(linear(colour), linear(page))).toBeGreaterThanOrEqual(3);
});

test.each(Object.keys(EYES))("no two colours look alike to %s eyes", (eyes) => {
  const seen = PALETTE.map((colour) => oklab(clamp(times(EYES[eyes]!, linear(colour)))));
  for (let i = 0; i < seen.length; i++)
    for (let j = 0; j < i; j++)
      expect(distance(seen[i]!, seen[j]!), `${PALETTE[i]} ${PALETTE[j]}`).toBeGreaterThan(0.06);
});

test("no two of the first 30 lines have both colour and dash in common", () => {
  const looks = Array.from({ length: 30 }, (_, i) => `${look(i).colour} ${look(i).dash}`);
  expect(new Set(looks).size).toBe(30);
});

test("no two of the first 42 areas have both colour and texture in common", () => {
  const looks = Array.from({ length: 42 }, (_, i) => `${look(i).colour} ${look(i).texture}`);
  expect(new Set(looks).size).toBe(42);
});

test("the first bars, dots and lines differ without colour", () => {
  const first = [0, 1, 2, 3, 4].map(look);
  for (const sign of ["dash", "symbol", "texture"] as const) expect(new Set(first.map((l) => l[sign])).size).toBe(5);
});

/** The shade of a value from 0 to 100, mixed in sRGB. */
function shade(value: number): string {
  const channels = [1, 3, 5].map((i) => {
    const [from, to] = RAMP.map((colour) => Number.parseInt(colour.slice(i, i + 2), 16)) as [number, number];
    return Math.round(from + ((to - from) * value) / 100);
  });
  return `#${channels.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
}

test("shades grow darker all the way, and words on any of them have a contrast of at least 4.5", () => {
  const values = Array.from({ length: 101 }, (_, value) => value);
  const light = values.map((value) => luminance(linear(shade(value))));
  expect(light.toSorted((a, b) => b - a)).toEqual(light);
  for (const value of values)
    expect(contrast(linear(shade(value)), linear(inkOn(value, [0, 100]))), `at ${value}`).toBeGreaterThanOrEqual(4.5);
});

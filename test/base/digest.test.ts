import { expect, test } from "vitest";
import { digest } from "../../src/base/digest.ts";

test("the digest equals the published test vectors of 64-bit FNV-1a", () => {
  expect(digest("")).toBe("cbf29ce484222325");
  expect(digest("a")).toBe("af63dc4c8601ec8c");
  expect(digest("foobar")).toBe("85944171f73967e8");
});

test("a text and its UTF-8 bytes have the same digest", () => {
  expect(digest("grüße → 4K")).toBe(digest(new TextEncoder().encode("grüße → 4K")));
});

test("the digest equals a reference in exact integers on random bytes", () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  expect(digest(bytes)).toBe(hash.toString(16).padStart(16, "0"));
});

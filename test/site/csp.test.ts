import { expect, test } from "vitest";
import { inlineScripts, policy } from "../../site/csp.ts";

test("a script in the page is allowed by its digest, and no other", () => {
  // The digest of "alert(1)", taken with openssl.
  expect(policy(["alert(1)"])).toContain(
    "script-src 'self' 'wasm-unsafe-eval' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='",
  );
});

test("no other host and no eval is allowed", () => {
  const text = policy([]);
  expect(text).not.toMatch(/https?:|\*|'unsafe-eval'/);
  expect(/script-src [^;]*/.exec(text)![0]).not.toContain("'unsafe-inline'");
});

test("scripts with an address are not inline", () => {
  const html = '<script src="/a.js"></script><script type="module">1</script><script>2\n3</script>';
  expect(inlineScripts(html)).toEqual(["1", "2\n3"]);
});

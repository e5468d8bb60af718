/**
 * Files that a cell of a page reads: what the site publishes, as Node gives it, and nothing of the reader's machine.
 */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { existsSync, readdirSync, readFileSync } from "../../../site/cells/node/fs.ts";

const SITE: Readonly<Record<string, string>> = {
  "/cells/files.json": JSON.stringify({ data: ["sort.ptt", "a.json.gz"], recordings: ["x.jsonl.gz"], sources: [] }),
  "/data/sort.ptt": "ptt é",
  "/data/a.json.gz.bin": "packed",
  "/recordings/x.jsonl.gz.bin": "recorded",
};

const asked: string[] = [];

class StubRequest {
  status = 0;
  statusText = "";
  response: ArrayBuffer | undefined;
  #address = "";
  open(_method: string, address: string) {
    this.#address = address;
  }
  send() {
    asked.push(this.#address);
    const text = SITE[this.#address];
    this.status = text === undefined ? 404 : 200;
    this.response = new TextEncoder().encode(text).buffer;
  }
}

beforeAll(() => void vi.stubGlobal("XMLHttpRequest", StubRequest));
afterAll(() => void vi.unstubAllGlobals());
beforeEach(() => {
  asked.length = 0;
});

test("a file of data/ is read as bytes and as text, and fetched once", () => {
  const bytes = readFileSync("data/sort.ptt") as Uint8Array;
  expect([...bytes]).toEqual([...new TextEncoder().encode("ptt é")]);
  bytes.fill(0);
  for (const path of ["data/sort.ptt", "./data/sort.ptt", "../notebooks/data/sort.ptt"])
    expect([readFileSync(path, "utf8"), readFileSync(path, { encoding: "utf8" })], path).toEqual(["ptt é", "ptt é"]);
  expect(asked.filter((address) => address.endsWith("sort.ptt"))).toHaveLength(1);
});

test("packed data and recordings come as they are stored", () => {
  expect(String(readFileSync("data/a.json.gz"))).toBe("packed");
  expect(String(readFileSync("../test/golden/oracle/x.jsonl.gz"))).toBe("recorded");
});

test.each(["data/mine.ptt", "capture", "/etc/passwd", "../package.json", "data", "data/../data", "data/sort.ptt/x"])(
  "%s is no file of a page, which is told in one line with nothing fetched",
  (path) => {
    expect(existsSync(path)).toBe(false);
    expect(() => readFileSync(path)).toThrow(
      `a page has no file '${path}': data/NAME and ../test/golden/oracle/NAME of this site can be read`,
    );
    expect(asked.filter((address) => !address.endsWith("files.json"))).toEqual([]);
  },
);

test("a folder lists what is published of it", () => {
  expect(readdirSync("data")).toEqual(["sort.ptt", "a.json.gz"]);
  expect(readdirSync("../test/golden/oracle/")).toEqual(["x.jsonl.gz"]);
  expect(() => readdirSync("..")).toThrow("a page has no file '..'");
});

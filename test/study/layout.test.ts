import { describe, expect, test } from "vitest";
import { pageSizes } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { MiB } from "../../src/base/size.ts";
import {
  filledMm,
  kernelFor,
  POLICIES,
  policyOrders,
  SIZELESS_POLICIES,
  STUDY_VPN,
  studyVpn,
} from "../../src/study/layout.ts";

test("policies are named by the sizes that each format has", () => {
  const names = (arch: string) => [...policyOrders(formatNamed(arch)).keys()];
  expect(names("x86-64")).toEqual([...POLICIES]);
  expect(names("arm64-4k")).toEqual([...POLICIES]);
  expect(names("arm64-16k")).toEqual(["16K pages", "mTHP 2M", "THP 32M"]);
  expect(names("arm64-64k")).toEqual(["64K pages", "mTHP 2M", "THP 512M"]);
  expect(names("x86-32")).toEqual(["4K pages", "mTHP 64K", "THP 4M"]);
  expect(names("s390")).toEqual(["4K pages", "mTHP 64K", "THP 1M"]);
});

test("a policy of another format is a user's mistake that lists this one's", () => {
  expect(() => kernelFor("THP 2M", { arch: "arm64-16k" })).toThrow(UserError);
  expect(() => kernelFor("THP 2M", { arch: "arm64-16k" })).toThrow("THP 32M");
});

describe.each(formats.map((f) => [f.name, f] as const))("%s", (arch, f) => {
  test("memory of a study starts where the largest page could, inside user space", () => {
    const largest = 2 ** pageSizes(f).at(-1)!.lg2;
    expect(studyVpn(f) % largest).toBe(0);
    expect(studyVpn(f) + 256 * 2 ** f.indexLg2[0]!).toBeLessThan(2 ** (f.userVaBits - f.pageLg2) - f.userKeptFree);
    if (f.pageLg2 === 12 && f.userVaBits >= 47) expect(studyVpn(f)).toBe(STUDY_VPN);
  });

  test("a write fault takes a folio of the order that the policy names, with its size or without", () => {
    const named = [...policyOrders(f)];
    for (const [i, [name, order]] of named.entries())
      for (const policy of [name, SIZELESS_POLICIES[i]!]) {
        const kernel = kernelFor(policy, { arch, memory: Math.max(64 * MiB, 2 ** (f.pageLg2 + 15)) });
        const mm = filledMm(kernel, 2 ** order);
        expect(
          kernel.frames.order(
            mm.pt.pfn(mm.pt.find(studyVpn(f), order === f.indexLg2[0] ? 1 : 0), order === f.indexLg2[0] ? 1 : 0),
          ),
        ).toBe(order);
      }
  });
});

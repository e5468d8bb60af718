/**
 * The live figure of one walk: a reader chooses format, kind of memory, address and core, and sees every slot that hardware reads.
 */
import { type Format, rootOf, vaBits } from "../../arch/format.ts";
import { formatNamed, formats } from "../../arch/formats.ts";
import { UserError } from "../../base/errors.ts";
import { hex } from "../../base/size.ts";
import { WALK_CORES, walkAccesses } from "../../study/walk/accesses.ts";
import { WALK_ADDRESS, WALK_KINDS, walkMemory } from "../../study/walk/memory.ts";
import { defineLive } from "../live.ts";
import { walkData } from "../walk-data.ts";
import { walkPlot } from "../walk-drawing.ts";

const params = {
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "x86-64" },
  mapped: { kind: "choice", label: "mapped as", options: WALK_KINDS, default: "base pages" },
  core: { kind: "choice", label: "core", options: WALK_CORES, default: WALK_CORES[0]! },
  address: {
    kind: "text",
    label: "address",
    default: hex(WALK_ADDRESS),
    max: 18,
    oneLine: true,
    samples: { "in the memory": hex(WALK_ADDRESS), "page 0": "0x0", "the kernel's half": "0xffff800000000000" },
  },
} as const;

/** The walk of an address that the reader chooses. */
export const walkLive = defineLive({
  id: "walk",
  title: "The walk of an address",
  params,
  inputs: [],
  run: (given) => {
    const format = formatNamed(given.arch);
    const asked = parseAddress(given.address);
    const address = translated(format, asked);
    const { pt } = walkMemory(given.arch, given.mapped);
    const data = walkData(pt, address, walkAccesses(pt, pageOf(format, address), given.core));
    const taken = asked === address ? "" : ` No root translates ${hex(asked)}: ${hex(address)} is taken instead.`;
    return {
      ...data,
      caption: `${data.caption}${taken} Memory as ${given.mapped}, made by the simulated kernel; loads on the core "${given.core}".`,
      origin: { ...data.origin, params: { ...data.origin.params, ...given } },
    };
  },
  plot: walkPlot,
});

/** The address itself where a root translates it, else with its sign extended, else as many of its bits as user addresses have. */
function translated(format: Format, address: bigint): bigint {
  const extended = BigInt.asUintN(64, BigInt.asIntN(vaBits(format), address));
  const whole = BigInt.asUintN(vaBits(format), address) === address;
  const isTranslated = (at: bigint) => rootOf(format, pageOf(format, at)) !== null;
  const found = [address, ...(whole ? [extended] : [])].find(isTranslated);
  return found ?? BigInt.asUintN(format.userVaBits, address);
}

const pageOf = ({ pageLg2 }: Format, address: bigint): number => Number(address >> BigInt(pageLg2));

function parseAddress(text: string): bigint {
  if (/^0x[0-9a-f]{1,16}$/i.test(text.trim())) return BigInt(text.trim());
  throw new UserError(`bad address '${text}': 0x and up to 16 hexadecimal digits are allowed`);
}

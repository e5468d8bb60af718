/**
 * Reads ChampSim's traces: one record of 64 bytes for each instruction, without a head. Addresses are those of bytes; how many
 * bytes an access takes is not in the record, so that each counts as one line.
 *
 *     u64 ip, u8 is a branch, u8 was taken, u8 destination registers [2], u8 source registers [4],
 *     u64 memory written [2], u64 memory read [4]; 0 is none
 *
 * An instruction gives its fetch, its loads, then its stores. Cloudsuite's records (`cloudsuite_instr`, 88 bytes) are another format.
 *
 * Source: ChampSim, inc/trace_instruction.h (`input_instr`).
 */
import { UserError } from "../../base/errors.ts";
import { AccessKind } from "../../mmu/access-words.ts";
import { DATA_KINDS, type Decoder, type KindMask, putLines, type Sink } from "./sink.ts";

/** Bytes of a record. */
export const RECORD_BYTES = 64;
const WRITTEN = 16;
const READ = 32;

/** The decoder of ChampSim's records. `name` is the file's for messages; kinds not in the mask are passed over. */
export class ChampSimDecoder implements Decoder {
  readonly #name: string;
  readonly #kinds: KindMask;
  /** A record whose end has not come yet. */
  readonly #carry = new Uint8Array(RECORD_BYTES);
  #carried = 0;
  #offset = 0;

  constructor(name: string, kinds: KindMask = DATA_KINDS) {
    this.#name = name;
    this.#kinds = kinds;
  }

  decode(bytes: Uint8Array, at: number, sink: Sink): number {
    if (this.#carried > 0 || bytes.length - at < RECORD_BYTES) return this.#finishRecord(bytes, at, sink);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let p = at;
    for (; p + RECORD_BYTES <= bytes.length && !sink.full; p += RECORD_BYTES) this.#record(view, p, sink);
    return p;
  }

  end(): void {
    if (this.#carried > 0)
      throw new UserError(
        `${this.#name}: offset ${this.#offset}: cut short: ${this.#carried} bytes of a record of ${RECORD_BYTES}`,
      );
  }

  #finishRecord(bytes: Uint8Array, at: number, sink: Sink): number {
    const part = bytes.subarray(at, at + RECORD_BYTES - this.#carried);
    this.#carry.set(part, this.#carried);
    this.#carried += part.length;
    if (this.#carried === RECORD_BYTES) {
      this.#carried = 0;
      this.#record(new DataView(this.#carry.buffer), 0, sink);
    }
    return at + part.length;
  }

  #record(view: DataView, at: number, sink: Sink): void {
    this.#checkFlags(view, at);
    this.#put(view, at, sink, AccessKind.fetch);
    for (let p = READ; p < RECORD_BYTES; p += 8) this.#put(view, at + p, sink, AccessKind.load);
    for (let p = WRITTEN; p < READ; p += 8) this.#put(view, at + p, sink, AccessKind.store);
    this.#offset += RECORD_BYTES;
  }

  #put(view: DataView, at: number, sink: Sink, kind: AccessKind): void {
    if (((this.#kinds >>> kind) & 1) === 0) return;
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if (low !== 0 || high !== 0) putLines(sink, low, high, 1, kind);
  }

  /** The one thing by which a record can be told from other bytes. */
  #checkFlags(view: DataView, at: number): void {
    if (view.getUint8(at + 8) > 1 || view.getUint8(at + 9) > 1)
      throw new UserError(
        `${this.#name}: offset ${this.#offset + 8}: not a record of ChampSim's: ` +
          "'is a branch' and 'was taken' are 0 or 1",
      );
  }
}

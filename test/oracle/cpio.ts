/**
 * An initramfs: a cpio archive in the "newc" form (Documentation/driver-api/early-userspace/buffer-format.rst).
 */

/** One member; a folder has no data. */
export interface Member {
  readonly name: string;
  readonly data?: Buffer;
}

const FOLDER = 0o40755;
const PROGRAM = 0o100755;

/** The archive of these members, in this order. */
export function cpio(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ name, data }, i) => member(i + 1, name, data ? PROGRAM : FOLDER, data));
  return Buffer.concat([...parts, ...member(0, "TRAILER!!!", 0, undefined)]);
}

function member(inode: number, name: string, mode: number, data: Buffer = Buffer.alloc(0)): Buffer[] {
  // inode mode uid gid links mtime size, two device numbers in halves, bytes of the name, no checksum
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = `070701${fields.map((f) => f.toString(16).padStart(8, "0")).join("")}${name}\0`;
  return [Buffer.from(header), padding(header.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

/** The error numbers that the simulated system calls return, by name; null is success. A failing call is data, not an exception. */
export type Errno =
  | "EPERM"
  | "ENOENT"
  | "ESRCH"
  | "EAGAIN"
  | "ENOMEM"
  | "EACCES"
  | "EFAULT"
  | "EBUSY"
  | "EEXIST"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "ENOSYS";

const NUMBERS: ReadonlyMap<number, Errno> = new Map([
  [1, "EPERM"],
  [2, "ENOENT"],
  [3, "ESRCH"],
  [11, "EAGAIN"],
  [12, "ENOMEM"],
  [13, "EACCES"],
  [14, "EFAULT"],
  [16, "EBUSY"],
  [17, "EEXIST"],
  [20, "ENOTDIR"],
  [21, "EISDIR"],
  [22, "EINVAL"],
  [38, "ENOSYS"],
]);

/** The error that the kernel reads in a pointer (`IS_ERR_VALUE`), among those that the model has; null if it reads none. */
export function errnoAt(pointer: bigint): Errno | null {
  return NUMBERS.get(Number(2n ** 64n - pointer)) ?? null;
}

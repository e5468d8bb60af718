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
  | "ENOSYS"
  | "EACCES";

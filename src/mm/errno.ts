/** The error numbers that the simulated system calls return, by name; null is success. A failing call is data, not an exception. */
export type Errno = "EINVAL" | "ENOMEM" | "EFAULT" | "EEXIST" | "EAGAIN" | "ENOENT" | "EBUSY" | "ENOSYS" | "ESRCH";

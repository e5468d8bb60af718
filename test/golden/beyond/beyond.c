/*
 * beyond - asks the running kernel about what op scripts do not reach: swap, userfaultfd, files, pins, the deferred split queue.
 *
 * Build and run (as root):  gcc -O2 -Wall -static -o beyond beyond.c && ./beyond SCRIPT... > OUT.jsonl
 * For `swapout` a swap device must be on; nothing here turns one on.
 *
 * An observer reads the script; victims (process 0, and those that `fork` makes) carry the lines out, so that looking does not
 * disturb. Regions lie at fixed addresses, 512 GiB apart. Lengths and offsets are in pages; LEN may be left out ("to the end").
 *
 *   file F PAGES            a memfd; disk F PAGES: a file of the file system below /var/tmp. First lines of a script only.
 *                           Word 0 of page i holds 1000 + i if the line ends with `full`.
 *   truncate F PAGES | punch F PAGE N | cache F PAGE N (pwrite of word 0 = 7)
 *   map NAME PAGES [prot=none|r|rw] [shared] [file=F] [pgoff=N] [populate]
 *   read|write|peek|protnone|protr|protrw|unmap|lock|unlock|mincore|pin NAME PAGE N     unpin
 *   ADVICE NAME PAGE N      guard unguard dontneed free cold willneed collapse hugepage nohugepage remove populate_read
 *                           populate_write wipeonfork dontneed_locked
 *   swapout NAME PAGE N     MADV_PAGEOUT, again until every page that was there is in swap
 *   remap NAME PAGE N NEW   mremap(MAYMOVE|FIXED) to region NEW
 *   uffd NAME PAGE N missing|wp|missing+wp|minor    register with a userfaultfd made with UFFD_FEATURE_SIGBUS
 *   features WORD...        before the first uffd: wp_unpopulated event_fork event_remap
 *   unuffd|ucopy|uzero|uwp|unwp|upoison|ucontinue NAME PAGE N
 *   stats SIZE              nr_anon_partially_mapped, split, split_deferred of that size since the first such line
 *   fork  exit  knob PATH VALUE  drop (drop_caches 2: shrinkers run, that of the deferred split queue too)
 *   @P before a line: by process P
 *
 * Output: one JSON object a line: {"op","rc","err","flt","sig":[[page,n,"segv"|"bus"]],"vals":[[page,n,v]],"procs":[{"p","pte","swap",
 * "regions":[{"r","runs":"4ax 2g ..","vmas":[[page,pages,rss,anon,swap,"flags"]]}]}]}
 * flt: page faults, counted for read, write and peek alone.
 * runs: . none  g guard  w uffd-wp marker  P poisoned marker  s swap  z zero page  a anonymous  f file  A F huge; behind it
 * x exclusively mapped, w write-protected for userfaultfd. pte: table pages since the start. swap: pages (VmSwap).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
typedef uint64_t u64;
#define PG 4096ul
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFDIO_POISON
struct uffdio_poison { struct uffdio_range range; u64 mode; int64_t updated; };
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
struct scan_region { u64 start, end, categories; };
struct scan_arg { u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, ret; };
#define SCAN _IOWR('f', 16, struct scan_arg)
#define IS_HUGE (1 << 6)

struct cmd { char op[20], name[8], arg[60]; u64 addr, page, n, to; int fd; u64 pgoff; };
struct res { int rc, err, nsig, nval; long flt; struct { u64 page, n; int bus; } sig[64]; struct { u64 page, n, v; } val[64]; };
static struct { char name[8]; u64 addr, pages; } reg[16]; static int nreg;
static struct { char name[8]; int fd; } file[8]; static int nfile;
static int sock[4][2], live[4], pids[4], nproc = 1; static long basepte;
static sigjmp_buf jb; static volatile int sigkind;
static void onsig(int s) { sigkind = s; siglongjmp(jb, 1); }

/* ---- victim ---- */
static struct res R; static int uffd = -1, ring = -1; static u64 features;
static void ret(long rc) { R.rc = rc < 0 ? -1 : 0; R.err = rc < 0 ? errno : 0; }
static void addsig(u64 p, int bus) {
  if (R.nsig && R.sig[R.nsig-1].bus == bus && R.sig[R.nsig-1].page + R.sig[R.nsig-1].n == p) { R.sig[R.nsig-1].n++; return; }
  if (R.nsig < 64) { R.sig[R.nsig].page = p; R.sig[R.nsig].n = 1; R.sig[R.nsig++].bus = bus; }
}
static void addval(u64 p, u64 v) {
  if (R.nval && R.val[R.nval-1].v == v && R.val[R.nval-1].page + R.val[R.nval-1].n == p) { R.val[R.nval-1].n++; return; }
  if (R.nval < 64) { R.val[R.nval].page = p; R.val[R.nval].n = 1; R.val[R.nval++].v = v; }
}
static unsigned long minflt(void) { struct rusage u; getrusage(RUSAGE_SELF, &u); return u.ru_minflt + u.ru_majflt; }
static unsigned long f0;
/* What the victim itself needs is made its own before faults are counted: the answer, the stack of the signal handler. */
static void warm(void) { volatile char room[65536]; for (unsigned i = 0; i < sizeof room; i += 4096) room[i] = 1; sigkind = 0; if (sigsetjmp(jb, 1)) return; f0 = minflt(); }
static void touch(struct cmd *c, int kind) {
  warm();
  for (volatile u64 p = c->page; p < c->page + c->n; p++) {
    volatile u64 *w = (u64 *)(c->addr + p * PG);
    if (sigsetjmp(jb, 1)) { addsig(p, sigkind == SIGBUS); continue; }
    if (kind == 'w') *w = c->to ? c->to : p + 1; else { u64 v = *w; if (kind == 'p') addval(p, v); }
  }
}
static int advice(const char *s) {
  static const struct { const char *n; int a; } t[] = { {"guard",102},{"unguard",103},{"dontneed",4},{"free",8},{"cold",20},
    {"pageout",21},{"willneed",3},{"collapse",25},{"hugepage",14},{"nohugepage",15},{"remove",9},{"populate_read",22},
    {"populate_write",23},{"wipeonfork",18},{"dontneed_locked",24},{"dontfork",10},{0,0} };
  for (int i = 0; t[i].n; i++) if (!strcmp(t[i].n, s)) return t[i].a;
  return -1;
}
static int swapped(u64 a, u64 n) {
  int fd = open("/proc/self/pagemap", O_RDONLY); int left = 0; u64 e;
  for (u64 i = 0; i < n; i++) { if (pread(fd, &e, 8, (a / PG + i) * 8) == 8 && (e >> 63)) left++; }
  close(fd); return left;
}
static int openuffd(void) {
  if (uffd >= 0) return 0;
  uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  struct uffdio_api a = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS | features };
  return ioctl(uffd, UFFDIO_API, &a);
}
static char one[PG * 512] __attribute__((aligned(4096)));
static void victim_op(struct cmd *c) {
  void *p = (void *)(c->addr + c->page * PG); u64 len = c->n * PG; int a;
  struct uffdio_range rg = { (u64)p, len };
  memset(&R, 0, sizeof R); warm(); int counts = !strcmp(c->op, "read") || !strcmp(c->op, "write") || !strcmp(c->op, "peek");
  if (!strcmp(c->op, "map")) {
    int prot = strstr(c->arg, "prot=none") ? 0 : strstr(c->arg, "prot=rw") || !strstr(c->arg, "prot=") ? 3 : 1;
    int fl = MAP_FIXED_NOREPLACE | (strstr(c->arg, "shared") ? MAP_SHARED : MAP_PRIVATE) | (c->fd < 0 ? MAP_ANONYMOUS : 0)
      | (strstr(c->arg, "populate") ? MAP_POPULATE : 0);
    void *q = mmap((void *)c->addr, len, prot, fl, c->fd, c->pgoff * PG); ret(q == MAP_FAILED ? -1 : 0);
  } else if (!strcmp(c->op, "read")) touch(c, 'r');
  else if (!strcmp(c->op, "write")) touch(c, 'w');
  else if (!strcmp(c->op, "peek")) touch(c, 'p');
  else if (!strcmp(c->op, "protnone")) ret(mprotect(p, len, 0));
  else if (!strcmp(c->op, "protr")) ret(mprotect(p, len, 1));
  else if (!strcmp(c->op, "protrw")) ret(mprotect(p, len, 3));
  else if (!strcmp(c->op, "unmap")) ret(munmap(p, len));
  else if (!strcmp(c->op, "lock")) ret(mlock(p, len));
  else if (!strcmp(c->op, "unlock")) ret(munlock(p, len));
  else if (!strcmp(c->op, "mincore")) { static unsigned char v[4096]; ret(mincore(p, len, v)); if (!R.rc) for (u64 i = 0; i < c->n; i++) addval(c->page + i, v[i] & 1); }
  else if (!strcmp(c->op, "remap")) { void *q = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)c->to); ret(q == MAP_FAILED ? -1 : 0); }
  else if (!strcmp(c->op, "swapout")) { int i; for (i = 0; i < 40; i++) { ret(madvise(p, len, 21)); if (R.rc || !swapped((u64)p, c->n)) break; usleep(20000); } if (i == 40) { R.rc = -1; R.err = EBUSY; } }
  else if (!strcmp(c->op, "uffd")) {
    if (openuffd()) ret(-1); else {
    struct uffdio_register r = { .range = rg, .mode = (strstr(c->arg, "missing") ? 1 : 0) | (strstr(c->arg, "wp") ? 2 : 0) | (strstr(c->arg, "minor") ? 4 : 0) };
    ret(ioctl(uffd, UFFDIO_REGISTER, &r)); }
  } else if (!strcmp(c->op, "unuffd")) ret(ioctl(uffd, UFFDIO_UNREGISTER, &rg));
  else if (!strcmp(c->op, "ucopy")) { for (u64 i = 0; i < c->n; i++) *(u64 *)(one + i * PG) = 500 + c->page + i; struct uffdio_copy u = { (u64)p, (u64)one, len, 0, 0 }; ret(ioctl(uffd, UFFDIO_COPY, &u)); }
  else if (!strcmp(c->op, "uzero")) { struct uffdio_zeropage u = { rg, 0, 0 }; ret(ioctl(uffd, UFFDIO_ZEROPAGE, &u)); }
  else if (!strcmp(c->op, "uwp")) { struct uffdio_writeprotect u = { rg, 1 }; ret(ioctl(uffd, UFFDIO_WRITEPROTECT, &u)); }
  else if (!strcmp(c->op, "unwp")) { struct uffdio_writeprotect u = { rg, 0 }; ret(ioctl(uffd, UFFDIO_WRITEPROTECT, &u)); }
  else if (!strcmp(c->op, "upoison")) { struct uffdio_poison u = { rg, 0, 0 }; ret(ioctl(uffd, UFFDIO_POISON, &u)); }
  else if (!strcmp(c->op, "ucontinue")) { struct uffdio_continue u = { rg, 0, 0 }; ret(ioctl(uffd, UFFDIO_CONTINUE, &u)); }
  else if (!strcmp(c->op, "features")) { features = (strstr(c->arg, "wp_unpopulated") ? UFFD_FEATURE_WP_UNPOPULATED : 0) | (strstr(c->arg, "event_fork") ? UFFD_FEATURE_EVENT_FORK : 0) | (strstr(c->arg, "event_remap") ? UFFD_FEATURE_EVENT_REMAP : 0); ret(0); }
  else if (!strcmp(c->op, "pin")) {
    char params[120] = {0}; ring = syscall(425, 4, params); struct iovec iov = { p, len };
    ret(ring < 0 ? -1 : syscall(427, ring, 0, &iov, 1));
  } else if (!strcmp(c->op, "unpin")) { ret(close(ring)); ring = -1; usleep(100000); }
  else if ((a = advice(c->op)) >= 0) ret(madvise(p, len, a));
  else { R.rc = -1; R.err = ENOSYS; }
  R.flt = counts ? minflt() - f0 : 0;
}
static void serve(int me) {
  struct cmd c;
  while (read(sock[me][1], &c, sizeof c) == sizeof c) {
    if (!strcmp(c.op, "exit")) { memset(&R, 0, sizeof R); write(sock[me][1], &R, sizeof R); _exit(0); }
    if (!strcmp(c.op, "fork")) {
      memset(&R, 0, sizeof R); int pid = fork();
      if (pid == 0) { me = c.n; continue; }
      R.nval = 1; R.val[0].v = pid; ret(pid); write(sock[me][1], &R, sizeof R); continue;
    }
    victim_op(&c); write(sock[me][1], &R, sizeof R);
  }
  _exit(0);
}

/* ---- observer ---- */
static long statusval(int pid, const char *key) {
  char path[64], line[256]; snprintf(path, 64, "/proc/%d/status", pid); FILE *f = fopen(path, "r"); long v = -1;
  if (!f) return v;
  while (fgets(line, 256, f)) if (!strncmp(line, key, strlen(key))) v = atol(line + strlen(key));
  fclose(f); return v;
}
static int kpf = -1;
static void classof(char *out, u64 e, int huge) {
  char *o = out;
  if (e >> 63) {
    u64 pfn = e & ((1ull << 55) - 1), fl = 0; pread(kpf, &fl, 8, pfn * 8);
    int z = (fl >> 24) & 1, isfile = (e >> 61) & 1;
    *o++ = z ? (huge ? 'Z' : 'z') : isfile ? (huge ? 'F' : 'f') : huge ? 'A' : 'a';
    if (!z && ((e >> 56) & 1)) *o++ = 'x';
  } else if ((e >> 62) & 1) {
    u64 type = e & 31, off = (e >> 5) & ((1ull << 50) - 1);
    *o++ = type == 31 ? (off & 4 ? 'g' : off & 2 ? 'P' : off & 1 ? 'w' : '?') : 's';
    if (type == 31) { *o = 0; return; }
  } else *o++ = '.';
  if ((e >> 57) & 1) *o++ = 'w';
  *o = 0;
}
static void showregion(int pid, int r) {
  char path[64], line[512]; u64 s = reg[r].addr, n = reg[r].pages, huge[16][2]; int nh = 0;
  snprintf(path, 64, "/proc/%d/pagemap", pid); int fd = open(path, O_RDONLY); u64 *e = calloc(n, 8); pread(fd, e, n * 8, s / PG * 8);
  struct scan_region v[64]; struct scan_arg a = { sizeof a, 0, s, s + n * PG, 0, (u64)v, 64, 0, 0, IS_HUGE, 0, IS_HUGE };
  int k = ioctl(fd, SCAN, &a); for (int i = 0; i < k && nh < 16; i++) { huge[nh][0] = v[i].start; huge[nh++][1] = v[i].end; }
  close(fd);
  printf("{\"r\":\"%s\",\"runs\":\"", reg[r].name); char last[8] = "", cur[8]; u64 run = 0; int first = 1;
  for (u64 i = 0; i <= n; i++) {
    int h = 0; for (int j = 0; j < nh; j++) if (s + i * PG >= huge[j][0] && s + i * PG < huge[j][1]) h = 1;
    if (i < n) classof(cur, e[i], h);
    if (i < n && i > 0 && !strcmp(cur, last)) { run++; continue; }
    if (i > 0) { printf("%s%lu%s", first ? "" : " ", run, last); first = 0; }
    strcpy(last, cur); run = 1;
  }
  free(e); printf("\",\"vmas\":[");
  snprintf(path, 64, "/proc/%d/smaps", pid); FILE *f = fopen(path, "r"); int in = 0, any = 0; unsigned long b, en; long rss = 0, an = 0, sw = 0; 
  while (fgets(line, 512, f)) {
    unsigned long x, y; long kb;
    if (sscanf(line, "%lx-%lx ", &x, &y) == 2) { in = x < s + n * PG && y > s; b = x; en = y; continue; }
    if (!in) continue;
    if (sscanf(line, "Rss: %ld", &kb) == 1) rss = kb / 4;
    if (sscanf(line, "Anonymous: %ld", &kb) == 1) an = kb / 4;
    if (sscanf(line, "Swap: %ld", &kb) == 1) sw = kb / 4;
    if (!strncmp(line, "VmFlags:", 8)) {
      printf("%s[%ld,%lu,%ld,%ld,%ld,\"", any++ ? "," : "", ((long)b - (long)s) / (long)PG, (en - b) / PG, rss, an, sw);
      static const char *want[] = { "um", "uw", "ui", "gu", "wf", "hg", "lo", 0 }; int w = 0;
      for (int i = 0; want[i]; i++) if (strstr(line, want[i])) printf("%s%s", w++ ? " " : "", want[i]);
      printf("\"]");
    }
  }
  fclose(f); printf("]}");
}
static long ptes(int pid) { return statusval(pid, "VmPTE:") / 4; }
static void state(void) {
  printf("\"procs\":[");
  for (int p = 0, first = 1; p < nproc; p++) {
    if (!live[p]) continue;
    printf("%s{\"p\":%d,\"pte\":%ld,\"swap\":%ld,\"regions\":[", first ? "" : ",", p, ptes(pids[p]) - basepte, statusval(pids[p], "VmSwap:") / 4); first = 0;
    for (int r = 0; r < nreg; r++) { if (r) printf(","); showregion(pids[p], r); }
    printf("]}");
  }
  printf("]");
}
static const char *ename(int e) {
  static char b[16];
  switch (e) { case 0: return 0; case EINVAL: return "EINVAL"; case ENOMEM: return "ENOMEM"; case EFAULT: return "EFAULT"; case EPERM: return "EPERM";
  case EBUSY: return "EBUSY"; case EEXIST: return "EEXIST"; case EAGAIN: return "EAGAIN"; case ENOSYS: return "ENOSYS"; case ENOENT: return "ENOENT"; case EACCES: return "EACCES"; }
  snprintf(b, 16, "E%d", e); return b;
}
static int writefile(const char *path, const char *v) { int fd = open(path, O_WRONLY | O_TRUNC); if (fd < 0) return -1; long k = write(fd, v, strlen(v)); int e = errno; close(fd); errno = e; return k < 0 ? -1 : 0; }
static char saved[8][2][256]; static int nsaved;
static int knob(const char *path, const char *v) {
  char full[256], old[256] = ""; snprintf(full, 256, "/sys/kernel/mm/transparent_hugepage/%s", path);
  FILE *f = fopen(full, "r"); if (!f) return -1; fgets(old, 256, f); fclose(f);
  char *b = strchr(old, '['); if (b) { char *e = strchr(b, ']'); *e = 0; memmove(old, b + 1, strlen(b + 1) + 1); }
  if (nsaved < 8) { strcpy(saved[nsaved][0], full); strcpy(saved[nsaved++][1], old); }
  return writefile(full, v);
}
static int findreg(const char *n) { for (int i = 0; i < nreg; i++) if (!strcmp(reg[i].name, n)) return i; strcpy(reg[nreg].name, n); reg[nreg].addr = 0x200000000000ul + nreg * 0x8000000000ul; return nreg++; }
static int findfile(const char *n) { for (int i = 0; i < nfile; i++) if (!strcmp(file[i].name, n)) return file[i].fd; fprintf(stderr, "no file %s\n", n); exit(1); }
static void start(void) {
  for (int i = 0; i < 4; i++) socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock[i]);
  fflush(stdout);
  /* one CPU: pages that another CPU still has in its batch for the LRU lists could not be paged out */
  pids[0] = fork(); if (!pids[0]) { cpu_set_t one_cpu; CPU_ZERO(&one_cpu); CPU_SET(0, &one_cpu); sched_setaffinity(0, sizeof one_cpu, &one_cpu); signal(SIGSEGV, onsig); signal(SIGBUS, onsig); memset(one, 1, sizeof one); warm(); serve(0); }
  live[0] = 1; usleep(20000); basepte = ptes(pids[0]);
}
int main(int argc, char **argv) {
  char line[256]; int started = 0;
  if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) { personality(ADDR_NO_RANDOMIZE); execv("/proc/self/exe", argv); }
  kpf = open("/proc/kpageflags", O_RDONLY);
  FILE *in = fopen(argv[1], "r"); if (!in) return 1;
  while (fgets(line, 256, in)) {
    char *h = strchr(line, '#'); if (h) *h = 0; line[strcspn(line, "\n")] = 0; while (*line && line[strlen(line)-1] == ' ') line[strlen(line)-1] = 0;
    if (!*line) continue;
    char text[256]; strcpy(text, line); int p = 0; char *l = line; if (*l == '@') { p = l[1] - '0'; l += 3; }
    char *w[12]; int nw = 0; for (char *t = strtok(l, " "); t && nw < 12; t = strtok(0, " ")) w[nw++] = t;
    struct res r; memset(&r, 0, sizeof r); struct cmd c; memset(&c, 0, sizeof c); c.fd = -1; strncpy(c.op, w[0], 19);
    if (!strcmp(w[0], "file") || !strcmp(w[0], "disk")) {
      int fd; if (w[0][0] == 'f') fd = memfd_create(w[1], 0); else { char path[] = "/var/tmp/beyondXXXXXX"; fd = mkstemp(path); unlink(path); }
      ftruncate(fd, atol(w[2]) * PG); if (nw > 3) for (u64 i = 0; i < (u64)atol(w[2]); i++) { u64 v = 1000 + i; pwrite(fd, &v, 8, i * PG); }
      strcpy(file[nfile].name, w[1]); file[nfile++].fd = fd; continue;
    }
    if (!started) { start(); started = 1; }
    if (!strcmp(w[0], "truncate")) { r.rc = ftruncate(findfile(w[1]), atol(w[2]) * PG); r.err = r.rc ? errno : 0; }
    else if (!strcmp(w[0], "punch")) { r.rc = fallocate(findfile(w[1]), 3, atol(w[2]) * PG, atol(w[3]) * PG); r.err = r.rc ? errno : 0; }
    else if (!strcmp(w[0], "cache")) { for (int i = 0; i < atoi(w[3]); i++) { u64 v = 7; pwrite(findfile(w[1]), &v, 8, (atol(w[2]) + i) * PG); } }
    else if (!strcmp(w[0], "knob")) { r.rc = knob(w[1], w[2]); r.err = r.rc ? errno : 0; }
    else if (!strcmp(w[0], "stats")) {
      static const char *what[] = { "nr_anon_partially_mapped", "split", "split_deferred" };
      for (int i = 0; i < 3; i++) { char path[160], b[32] = ""; snprintf(path, 160, "/sys/kernel/mm/transparent_hugepage/hugepages-%s/stats/%s", w[1], what[i]);
        int fd = open(path, O_RDONLY); read(fd, b, 31); close(fd); static long first[2][3], seen[2]; int z = w[1][0] == '2'; if (!(seen[z] & (1 << i))) { seen[z] |= 1 << i; first[z][i] = atol(b); }
        r.val[i].page = i; r.val[i].n = 1; r.val[i].v = atol(b) - first[z][i]; r.nval = i + 1; }
    }
    else if (!strcmp(w[0], "drop")) { r.rc = writefile("/proc/sys/vm/drop_caches", "2"); }
    else {
      if (!strcmp(w[0], "fork")) c.n = nproc;
      else if (!strcmp(w[0], "features")) for (int i = 1; i < nw; i++) { strcat(c.arg, w[i]); strcat(c.arg, " "); }
      else if (!strcmp(w[0], "map")) {
        int i = findreg(w[1]); reg[i].pages = atol(w[2]); c.addr = reg[i].addr; c.n = reg[i].pages;
        for (int k = 3; k < nw; k++) { strcat(c.arg, w[k]); strcat(c.arg, " "); if (!strncmp(w[k], "file=", 5)) c.fd = findfile(w[k] + 5); if (!strncmp(w[k], "pgoff=", 6)) c.pgoff = atol(w[k] + 6); }
      } else if (nw > 1) {
        int i = findreg(w[1]); c.addr = reg[i].addr; c.page = nw > 2 && w[2][0] <= '9' ? atol(w[2]) : 0;
        c.n = nw > 3 && w[3][0] <= '9' ? atol(w[3]) : reg[i].pages - c.page;
        for (int k = 2; k < nw; k++) if (w[k][0] > '9') { strcat(c.arg, w[k]); }
        if (!strcmp(w[0], "remap")) { int t = findreg(w[4]); reg[t].pages = c.n; c.to = reg[t].addr; }
        if (nw > 4 && !strncmp(w[4], "val=", 4)) c.to = atol(w[4] + 4);
      }
      write(sock[p][0], &c, sizeof c);
      if (read(sock[p][0], &r, sizeof r) != sizeof r) { r.rc = -1; r.err = ESRCH; }
      if (!strcmp(w[0], "fork") && !r.rc) { pids[nproc] = r.val[0].v; live[nproc++] = 1; r.nval = 0; usleep(20000); }
      if (!strcmp(w[0], "exit")) { live[p] = 0; usleep(50000); }
    }
    printf("{\"op\":\"%s\",\"rc\":%d,\"err\":", text, r.rc); if (r.rc && ename(r.err)) printf("\"%s\"", ename(r.err)); else printf("null");
    printf(",\"flt\":%ld", r.flt);
    if (r.nsig) { printf(",\"sig\":["); for (int i = 0; i < r.nsig; i++) printf("%s[%lu,%lu,\"%s\"]", i ? "," : "", r.sig[i].page, r.sig[i].n, r.sig[i].bus ? "bus" : "segv"); printf("]"); }
    if (r.nval) { printf(",\"vals\":["); for (int i = 0; i < r.nval; i++) printf("%s[%lu,%lu,%lu]", i ? "," : "", r.val[i].page, r.val[i].n, r.val[i].v); printf("]"); }
    printf(","); state(); printf("}\n"); fflush(stdout);
  }
  for (int i = 0; i < nproc; i++) if (live[i]) kill(pids[i], SIGKILL);
  for (int i = nsaved - 1; i >= 0; i--) writefile(saved[i][0], saved[i][1]);
  return 0;
}

/*
 * limits - what the real kernel and the real MMU cost on this machine, as anchors
 *          for a page-table simulator: median ns per PTE of the basic operations,
 *          and the cost of TLB misses with 4K and 2M pages.
 *
 * Build:  gcc -O2 -Wall -o limits limits.c
 * Run:    ./limits [-m MiB (1024)] [-r REPS (15)] [-c CHASE_MAX_MiB (4096)]
 *         as root to add the mTHP 64K rows (it sets hugepages-64kB/enabled and
 *         restores it) and physical pagemap reads.
 * Output: one JSON object: {"machine":..,"rows":[{"name","what","unit","per","n","reps",
 *         "median","p10","p90"}..]}.  "ns/pte" divides by 4 KiB pages even where the
 *         kernel moved 2 MiB at a time (then "per":"4K of 2M").
 *
 * Method: one process pinned to CPU 0; CLOCK_MONOTONIC around each single system
 *         call (or touch loop) over the whole range; two warm-up rounds (so that the
 *         memory is backed by the host), then REPS rounds; median, 10th and 90th
 *         percentile of the rounds.  Each round builds its state afresh.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t u64;
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103
struct pm_region { u64 start, end, categories; };
struct pm_arg { u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, inv, mask, any, ret; };
#define PM_SCAN _IOWR('f', 16, struct pm_arg)

static size_t LEN; static int REPS = 15; static u64 NPTE;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
static int dcmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

static int nrow;
static void row(const char *name, const char *what, const char *unit, const char *per, double n, double *v, int reps)
{
	qsort(v, reps, sizeof *v, dcmp);
	printf("%s\n {\"name\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"per\":\"%s\",\"n\":%.0f,\"reps\":%d,\"median\":%.4g,\"p10\":%.4g,\"p90\":%.4g}",
	       nrow++ ? "," : "", name, what, unit, per, n, reps, v[reps / 2] / n, v[reps / 10] / n, v[reps * 9 / 10] / n);
	fflush(stdout);
}

enum { K4, K64, M2 };
static int mode;
static char *region(void)
{
	char *p = mmap(NULL, LEN + (4 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) { perror("mmap"); exit(1); }
	char *a = (char *)(((u64)p + (2 << 20) - 1) & ~((2ULL << 20) - 1));
	munmap(p, a - p); munmap(a + LEN, p + LEN + (4 << 20) - (a + LEN));
	madvise(a, LEN, mode == M2 ? MADV_HUGEPAGE : mode == K64 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return a;
}
static int bad;
static void adv(char *p, int a) { if (madvise(p, LEN, a)) { bad = errno; } }
static void touch(char *p) { for (size_t i = 0; i < LEN; i += 4096) ((volatile char *)p)[i] = 1; }
static void rtouch(char *p) { for (size_t i = 0; i < LEN; i += 4096) (void)((volatile char *)p)[i]; }
static int pmfd; static unsigned char *vec; static u64 *pmb;

static void scan(char *p, u64 mask)
{
	static struct pm_region v[16];
	struct pm_arg a = { .size = sizeof a, .start = (u64)p, .end = (u64)p + LEN, .vec = (u64)v, .vec_len = 16, .mask = mask, .ret = mask };
	if (ioctl(pmfd, PM_SCAN, &a) < 0) bad = errno;
}

/* each test: setup (untimed), timed, teardown (untimed); returns ns */
static double t0, t1;
#define T(stmt) do { t0 = now(); stmt; t1 = now(); } while (0)
static double test(int id)
{
	char *p, *q; pid_t c; double d; int st;
	p = region();
	switch (id) {
	case 0: T(touch(p)); break;
	case 1: T(rtouch(p)); break;
	case 2: T(adv(p, MADV_POPULATE_WRITE)); break;
	case 3: T(adv(p, MADV_POPULATE_READ)); break;
	case 4: T(adv(p, GUARD_INSTALL)); break;
	case 5: adv(p, GUARD_INSTALL); adv(p, GUARD_REMOVE); T(adv(p, GUARD_INSTALL)); break;
	case 6: adv(p, GUARD_INSTALL); T(adv(p, GUARD_REMOVE)); break;
	case 7: adv(p, MADV_POPULATE_WRITE); T(adv(p, GUARD_INSTALL)); break;
	case 8: adv(p, GUARD_INSTALL); T(adv(p, GUARD_INSTALL)); break;
	case 9: adv(p, MADV_POPULATE_WRITE);
		t0 = now(); c = fork(); if (c == 0) { pause(); _exit(0); } t1 = now();
		kill(c, 9); waitpid(c, &st, 0); break;
	case 10: adv(p, MADV_POPULATE_WRITE); c = fork(); if (c == 0) { T(touch(p)); d = t1 - t0; *(double *)pmb = d; _exit(0); }
		waitpid(c, &st, 0); t0 = 0; t1 = *(double *)pmb; break;	/* child breaks COW by copying */
	case 11: adv(p, MADV_POPULATE_WRITE); c = fork(); if (c == 0) _exit(0); waitpid(c, &st, 0); T(touch(p)); break; /* reuse */
	case 12: adv(p, MADV_POPULATE_WRITE); T(munmap(p, LEN)); return t1 - t0;
	case 13: adv(p, MADV_POPULATE_WRITE); T(adv(p, MADV_DONTNEED)); break;
	case 14: adv(p, MADV_POPULATE_WRITE); T(mprotect(p, LEN, PROT_READ)); break;
	case 15: adv(p, MADV_POPULATE_WRITE); mprotect(p, LEN, PROT_READ); T(mprotect(p, LEN, PROT_READ | PROT_WRITE)); break;
	case 16: adv(p, MADV_POPULATE_WRITE); T(if (mincore(p, LEN, vec)) bad = errno); break;
	case 17: adv(p, MADV_POPULATE_WRITE); T(scan(p, 1 << 3)); break;
	case 18: adv(p, MADV_POPULATE_WRITE); T(scan(p, 1 << 4)); break;
	case 19: adv(p, MADV_POPULATE_WRITE); T(if (pread(pmfd, pmb, NPTE * 8, (u64)p / 4096 * 8) < 0) bad = errno); break;
	case 20: adv(p, GUARD_INSTALL); adv(p, GUARD_REMOVE); T(scan(p, 1 << 3)); break;
	case 21: T(if (mincore(p, LEN, vec)) bad = errno); break;
	case 22: adv(p, MADV_POPULATE_WRITE); q = region(); T(q = mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, q)); p = q; break;
	case 23: adv(p, MADV_POPULATE_WRITE); q = region(); munmap(q, LEN);
		T(q = mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, q + 4096)); p = q; break;
	case 24: adv(p, MADV_POPULATE_WRITE); rtouch(p); T(touch(p)); break;	/* present: pure access */
	case 25: adv(p, MADV_POPULATE_WRITE); t0 = now(); c = fork(); if (c == 0) _exit(0); waitpid(c, &st, 0); t1 = now(); break;
	case 26: adv(p, MADV_POPULATE_WRITE);
		T(for (size_t i = 0; i < LEN; i += 2 << 20) if (madvise(p + i + (1 << 20), 4096, MADV_DONTNEED)) bad = errno); break; /* THP split */
	case 27: adv(p, MADV_POPULATE_WRITE); adv(p, MADV_HUGEPAGE);	/* EAGAIN: a page could not be isolated; go on */
		T(for (int i = 0; i < 20 && madvise(p, LEN, MADV_COLLAPSE); i++) if (errno != EAGAIN) { bad = errno; break; }); break;
	case 28: adv(p, MADV_POPULATE_WRITE); T(adv(p, 20 /* MADV_COLD */)); break;
	case 29: adv(p, MADV_POPULATE_WRITE); T(adv(p, MADV_FREE)); break;
	case 30: adv(p, MADV_POPULATE_WRITE);
		T(for (size_t i = 0; i < LEN; i += 2 << 20) if (madvise(p + i + (1 << 20), 4096, MADV_FREE)) bad = errno); break; /* folio split */
	default: return -1;
	}
	munmap(p, LEN);
	return t1 - t0;
}
static void run(int id, int m, const char *name, const char *what)
{
	double v[256]; mode = m; bad = 0;
	for (int i = -2; i < REPS; i++) { double d = test(id); if (i >= 0) v[i] = d; }
	if (bad) { fprintf(stderr, "%s: errno %d\n", name, bad); return; }
	row(name, what, "ns/pte", m == M2 ? "4K of 2M" : m == K64 ? "4K of 64K" : "4K", NPTE, v, REPS);
}

/* Pure translation cost: dependent random loads over a range that is all zero page
 * (4K: one 4 KiB page; 2M: the 2 MiB huge zero page), so that the data always hits
 * the caches and only the TLB and the page-table entries miss. */
static double walk(size_t mib, int huge, int *ok)
{
	size_t len = mib << 20, n = len / 4096, save = LEN; LEN = len; mode = huge ? M2 : K4;
	char *p = region(); LEN = save;
	if (madvise(p, len, MADV_POPULATE_READ)) { *ok = 0; munmap(p, len); return 0; }
	u64 i = 1, steps = 2000000; double a = 0, b;
	for (u64 k = 0; k < steps + steps / 4; k++) {
		if (k == steps / 4) a = now();
		i = (i * 1664525 + 1013904223 + *(volatile u64 *)(p + i * 4096 + (i & 63) * 64)) & (n - 1);
	}
	b = now(); *ok = i < n; munmap(p, len);
	return (b - a) / steps;
}

/* random pointer chase, one cache line in each 4K page of a range, in one random
 * cycle; the same addresses with 4K and with 2M mappings (data misses included). */
static double chase(size_t mib, int huge, int *ok)
{
	size_t len = mib << 20, n = len / 4096; size_t save = LEN; LEN = len; mode = huge ? M2 : K4;
	char *p = region(); LEN = save;
	if (huge) madvise(p, len, MADV_HUGEPAGE);
	if (madvise(p, len, MADV_POPULATE_WRITE)) { *ok = 0; munmap(p, len); return 0; }
	uint32_t *ord = malloc(n * 4); u64 x = 88172645463325252ULL;
	for (size_t i = 0; i < n; i++) ord[i] = i;
	for (size_t i = n - 1; i > 0; i--) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; size_t j = x % (i + 1); uint32_t t = ord[i]; ord[i] = ord[j]; ord[j] = t; }
#define AT(k) (p + (size_t)ord[k] * 4096 + (((size_t)ord[k] * 2654435761u >> 7) & 63) * 64)
	for (size_t i = 0; i < n; i++) *(void **)AT(i) = AT((i + 1) % n);
	void *c = AT(0); size_t steps = n < 200000 ? 400000 : 2 * n > 4000000 ? 4000000 : 2 * n;
	for (size_t i = 0; i < n && i < steps; i++) c = *(void *volatile *)c;
	double a = now();
	for (size_t i = 0; i < steps; i++) c = *(void *volatile *)c;
	double b = now();
	*ok = c != NULL; free(ord); munmap(p, len);
	return (b - a) / steps;
}

static int setknob(const char *v, char *old)
{
	const char *path = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
	char b[128]; int fd = open(path, O_RDWR); if (fd < 0) return -1;
	int n = read(fd, b, 127); if (n <= 0) { close(fd); return -1; } b[n] = 0;
	if (old) { char *s = strchr(b, '['), *e = s ? strchr(s, ']') : NULL; if (!e) { close(fd); return -1; } *e = 0; strcpy(old, s + 1); }
	n = write(fd, v, strlen(v)); close(fd); return n > 0 ? 0 : -1;
}

int main(int ac, char **av)
{
	int o, cmax = 4096; size_t mib = 1024;
	while ((o = getopt(ac, av, "m:r:c:")) != -1) { if (o == 'm') mib = atoi(optarg); else if (o == 'r') REPS = atoi(optarg); else if (o == 'c') cmax = atoi(optarg); else return 2; }
	if (REPS > 255) REPS = 255;
	LEN = mib << 20; NPTE = LEN / 4096;
	cpu_set_t cs; CPU_ZERO(&cs); CPU_SET(0, &cs); sched_setaffinity(0, sizeof cs, &cs);
	pmfd = open("/proc/self/pagemap", O_RDONLY);
	vec = mmap(NULL, NPTE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	pmb = mmap(NULL, NPTE * 8, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct utsname u; uname(&u);
	char cpu[128] = "?", l[256]; FILE *f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(l, sizeof l, f)) if (sscanf(l, "model name : %127[^\n]", cpu) == 1) break;
	printf("{\"machine\":{\"cpu\":\"%s\",\"kernel\":\"%s\",\"arch\":\"%s\",\"MiB\":%zu},\"rows\":[", cpu, u.release, u.machine, mib);
	/* floors: what merely reading or writing the 8-byte entries would cost */
	{ double v[256], w[256], z[256]; volatile u64 sink = 0; char *big = mmap(NULL, LEN, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	  for (int i = -2; i < REPS; i++) { u64 s = 0; double a = now(); for (u64 k = 0; k < NPTE; k++) s += pmb[k]; double b = now(); sink += s;
		double c = now(); for (u64 k = 0; k < NPTE; k++) ((volatile u64 *)pmb)[k] = k; double d = now();
		double e = now(); memset(big, i, LEN); double g = now();
		if (i >= 0) { v[i] = b - a; w[i] = d - c; z[i] = g - e; } }
	  row("floor_read", "read 8 bytes per page of a flat array", "ns/pte", "4K", NPTE, v, REPS);
	  row("floor_write", "write 8 bytes per page to a flat array", "ns/pte", "4K", NPTE, w, REPS);
	  row("floor_memset", "memset of mapped memory, per 4K page (zeroing cost)", "ns/pte", "4K", NPTE, z, REPS);
	  munmap(big, LEN); }
	{ double v[256]; for (int i = -2; i < REPS; i++) { double a = now(); for (int k = 0; k < 100000; k++) (void)!madvise(NULL, 0, MADV_DONTNEED); double b = now(); if (i >= 0) v[i] = b - a; }
	  row("syscall", "madvise of an empty range", "ns/call", "call", 100000, v, REPS); }
	run(0, K4, "touch_write_4k", "write fault each 4K page");
	run(1, K4, "touch_read_4k", "read fault each 4K page (zero page)");
	run(2, K4, "populate_write_4k", "MADV_POPULATE_WRITE");
	run(3, K4, "populate_read_4k", "MADV_POPULATE_READ (zero page)");
	run(24, K4, "touch_present_4k", "write to each present 4K page (no fault)");
	run(4, K4, "guard_install_empty", "GUARD_INSTALL on an empty range: allocates tables");
	run(5, K4, "guard_install_tables", "GUARD_INSTALL, tables exist, entries none");
	run(8, K4, "guard_install_again", "GUARD_INSTALL over guards");
	run(6, K4, "guard_remove", "GUARD_REMOVE");
	run(7, K4, "guard_install_populated", "GUARD_INSTALL over present 4K pages (zaps)");
	run(9, K4, "fork_4k", "fork, until it returns in the parent");
	run(25, K4, "fork_exit_4k", "fork + child exit + wait");
	run(10, K4, "cow_copy_4k", "write fault after fork: copy");
	run(11, K4, "cow_reuse_4k", "write fault after the child is gone: reuse");
	run(12, K4, "munmap_4k", "munmap of present pages");
	run(13, K4, "dontneed_4k", "MADV_DONTNEED of present pages");
	run(14, K4, "mprotect_r_4k", "mprotect RW to R");
	run(15, K4, "mprotect_rw_4k", "mprotect R to RW");
	run(28, K4, "cold_4k", "MADV_COLD");
	run(29, K4, "free_4k", "MADV_FREE");
	run(16, K4, "mincore_4k", "mincore, present pages");
	run(17, K4, "scan_present_4k", "PAGEMAP_SCAN for present (one merged range)");
	run(18, K4, "scan_swapped_4k", "PAGEMAP_SCAN for swapped (no hit): pure walk");
	run(19, K4, "pagemap_read_4k", "read of /proc/self/pagemap");
	run(20, K4, "scan_none_tables", "PAGEMAP_SCAN over empty entries of existing tables");
	run(21, K4, "mincore_empty", "mincore over no tables at all");
	run(22, K4, "mremap_aligned_4k", "mremap, 2M-aligned (moves tables)");
	run(23, K4, "mremap_shift_4k", "mremap to a 4K-shifted address (moves entries)");
	run(27, K4, "collapse", "MADV_COLLAPSE of 4K pages");
	run(0, M2, "touch_write_2m", "write each 4K, one fault per 2M");
	run(2, M2, "populate_write_2m", "MADV_POPULATE_WRITE");
	run(24, M2, "touch_present_2m", "write to each 4K of present 2M pages");
	run(9, M2, "fork_2m", "fork, until it returns in the parent");
	run(12, M2, "munmap_2m", "munmap");
	run(14, M2, "mprotect_r_2m", "mprotect RW to R");
	run(16, M2, "mincore_2m", "mincore");
	run(17, M2, "scan_present_2m", "PAGEMAP_SCAN for present");
	run(18, M2, "scan_swapped_2m", "PAGEMAP_SCAN for swapped (no hit): pure walk");
	run(19, M2, "pagemap_read_2m", "read of /proc/self/pagemap");
	run(26, M2, "split_2m", "MADV_DONTNEED of one 4K in each 2M: splits the PMD");
	run(15, M2, "mprotect_rw_2m", "mprotect R to RW");
	run(28, M2, "cold_2m", "MADV_COLD");
	run(29, M2, "free_2m", "MADV_FREE");
	run(30, M2, "free_cut_2m", "MADV_FREE of one 4K in each 2M: splits the folio");
	{ char old[64]; if (setknob("madvise", old) == 0) {
		/* 2M off for this part, so that 64K is what a fault gets */
		char o2[64]; const char *p2 = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled"; int fd = open(p2, O_RDWR); char b[128]; int n = fd >= 0 ? read(fd, b, 127) : -1;
		if (n > 0) { b[n] = 0; char *s = strchr(b, '['), *e = s ? strchr(s, ']') : NULL; if (e) { *e = 0; strcpy(o2, s + 1);
			if (pwrite(fd, "never", 5, 0) == 5) {
				run(0, K64, "touch_write_64k", "write each 4K, one fault per 64K");
				run(2, K64, "populate_write_64k", "MADV_POPULATE_WRITE");
				run(9, K64, "fork_64k", "fork, until it returns in the parent");
				run(12, K64, "munmap_64k", "munmap");
				run(14, K64, "mprotect_r_64k", "mprotect RW to R");
				run(16, K64, "mincore_64k", "mincore");
				run(18, K64, "scan_swapped_64k", "PAGEMAP_SCAN for swapped (no hit): pure walk");
				run(7, K64, "guard_install_populated_64k", "GUARD_INSTALL over 64K folios (zaps)");
				if (pwrite(fd, o2, strlen(o2), 0) < 0) perror("restore");
			} } }
		if (fd >= 0) close(fd);
		setknob(old, NULL); } }
	for (int m = 1; m <= cmax; m *= 4) for (int h = 0; h < 2; h++) {
		if (h && m < 2) continue;
		double v[256]; int ok = 1, r = REPS < 9 ? REPS : 9; char nm[64], wh[128];
		for (int i = 0; i < r && ok; i++) v[i] = walk(m, h, &ok);
		if (!ok) continue;
		snprintf(nm, sizeof nm, "walk_%dM_%s", m, h ? "2m" : "4k"); snprintf(wh, sizeof wh, "dependent random load over %d MiB of zero page: translation only", m);
		row(nm, wh, "ns/load", h ? "2M pages" : "4K pages", 1, v, r);
	}
	for (int m = 4; m <= cmax; m *= 4) for (int h = 0; h < 2; h++) {
		double v[256]; int ok = 1, r = REPS < 7 ? REPS : 7; char nm[64], wh[128];
		for (int i = 0; i < r && ok; i++) v[i] = chase(m, h, &ok);
		if (!ok) continue;
		snprintf(nm, sizeof nm, "chase_%dM_%s", m, h ? "2m" : "4k"); snprintf(wh, sizeof wh, "dependent random load, one line in each 4K page of %d MiB", m);
		row(nm, wh, "ns/load", h ? "2M pages" : "4K pages", 1, v, r);
	}
	printf("\n]}\n");
	return 0;
}

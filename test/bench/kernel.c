/*
 * What the running kernel takes for one operation on a range of present (or absent) 4K pages, asked for line by line.
 *
 * Question: the name of an operation below.  Answer: {"units": pages, "amount": nanoseconds}, or {"error": "..."} where the
 * kernel does not know it.  The argument is the size of the range in MiB (1024).
 *
 * The time is the CPU time of this thread (CLOCK_THREAD_CPUTIME_ID) inside the system call or the loop of accesses, and nothing
 * else: what prepares and what restores the state is outside.  Of fork it is the parent's side; the child ends at once.  Memory
 * is private, anonymous, without huge pages (MADV_NOHUGEPAGE).  Operations that leave the pages as they are share one range that
 * stays populated; all others get a fresh one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define PAGE 4096UL
#define PMD (2UL << 20)

/* linux/fs.h: struct pm_scan_arg, PAGEMAP_SCAN; spelt out for headers that are older than 6.7 */
struct scan_region {
	uint64_t start, end, categories;
};
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_PRESENT (1UL << 3)
#define SCAN _IOWR('f', 16, struct scan_arg)

static size_t bytes;
static char *kept;		/* the populated range that is shared */
static unsigned char *answers;	/* of mincore */
static int pagemap = -1;
static const char *failed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void must(int rc, const char *what)
{
	if (rc != 0 && failed == NULL)
		failed = what;
}

/* A range that begins with a PTE table of its own, so that no two rounds differ in how many tables they touch. */
static char *fresh(int populated)
{
	char *p = mmap(NULL, bytes + PMD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *from;

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	from = (char *)(((uintptr_t)p + PMD - 1) & ~(PMD - 1));
	if (from != p)
		munmap(p, from - p);
	munmap(from + bytes, p + PMD - from);
	must(madvise(from, bytes, MADV_NOHUGEPAGE), "MADV_NOHUGEPAGE");
	if (populated)
		must(madvise(from, bytes, MADV_POPULATE_WRITE), "MADV_POPULATE_WRITE");
	return from;
}

static char *present(void)
{
	if (kept == NULL)
		kept = fresh(1);
	return kept;
}

static void touch(char *p)
{
	for (size_t i = 0; i < bytes; i += PAGE)
		((volatile char *)p)[i] = 1;
}

/* The child has nothing to do; what its end costs is not the parent's. */
static double forked(char *p)
{
	double start = now(), ns;
	pid_t child = fork();

	(void)p;
	if (child == 0)
		_exit(0);
	ns = now() - start;
	must(child < 0, "fork");
	waitpid(child, NULL, 0);
	return ns;
}

static void scan(char *p)
{
	struct scan_region region[4];
	struct scan_arg arg = {
		.size = sizeof(arg), .start = (uintptr_t)p, .end = (uintptr_t)p + bytes,
		.vec = (uintptr_t)region, .vec_len = 4,
		.category_mask = SCAN_PRESENT, .return_mask = SCAN_PRESENT,
	};

	must(ioctl(pagemap, SCAN, &arg) != 1, "PAGEMAP_SCAN");
}

/* One operation once: its time. A fresh range is gone afterwards. */
static double once(const char *name)
{
	double start, ns;
	char *p;

	if (strcmp(name, "mincore") == 0) {
		p = present();
		start = now();
		must(mincore(p, bytes, answers), "mincore");
		return now() - start;
	}
	if (strcmp(name, "scan") == 0) {
		p = present();
		start = now();
		scan(p);
		return now() - start;
	}
	if (strcmp(name, "protect") == 0) {
		p = present();
		start = now();
		must(mprotect(p, bytes, PROT_READ), "mprotect");
		ns = now() - start;
		mprotect(p, bytes, PROT_READ | PROT_WRITE);
		return ns;
	}
	if (strcmp(name, "unprotect") == 0) {
		p = present();
		mprotect(p, bytes, PROT_READ);
		start = now();
		must(mprotect(p, bytes, PROT_READ | PROT_WRITE), "mprotect");
		return now() - start;
	}
	if (strcmp(name, "guard") == 0 || strcmp(name, "populate") == 0) {
		p = fresh(0);
		start = now();
		must(madvise(p, bytes, name[0] == 'g' ? MADV_GUARD_INSTALL : MADV_POPULATE_WRITE), name);
		ns = now() - start;
		munmap(p, bytes);
		return ns;
	}
	if (strcmp(name, "touch") == 0) {
		p = fresh(0);
		start = now();
		touch(p);
		ns = now() - start;
		munmap(p, bytes);
		return ns;
	}
	p = fresh(1);
	if (strcmp(name, "fork") == 0) {
		ns = forked(p);
		munmap(p, bytes);
		return ns;
	}
	start = now();
	if (strcmp(name, "unmap") == 0) {
		must(munmap(p, bytes), "munmap");
		return now() - start;
	}
	if (strcmp(name, "dontneed") == 0)
		must(madvise(p, bytes, MADV_DONTNEED), "MADV_DONTNEED");
	else
		failed = "no such operation";
	ns = now() - start;
	munmap(p, bytes);
	return ns;
}

int main(int argc, char **argv)
{
	char line[64];

	bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	answers = malloc(bytes / PAGE);
	memset(answers, 0, bytes / PAGE);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		double ns;

		line[strcspn(line, "\n")] = 0;
		failed = NULL;
		ns = once(line);
		if (failed != NULL)
			printf("{\"error\":\"%s: %s\"}\n", failed, strerror(errno));
		else
			printf("{\"units\":%zu,\"amount\":%.0f}\n", bytes / PAGE, ns);
		fflush(stdout);
	}
	return 0;
}

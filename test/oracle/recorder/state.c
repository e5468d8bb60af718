/*
 * What the kernel shows of one process under the regions of a script: areas from smaps, pages from pagemap, the
 * PAGEMAP_SCAN ioctl and kpageflags. The records are described in src/study/ops/report.ts.
 */
#include "recorder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_AREAS 8192
#define CHUNK 65536

/* Bits of a pagemap entry (Documentation/admin-guide/mm/pagemap.rst). */
#define PM_FRAME(e) ((e) & ((1ull << 55) - 1))
#define PM_EXCLUSIVE(e) ((e) >> 56 & 1)
#define PM_UFFD_WP(e) ((e) >> 57 & 1)
#define PM_GUARD(e) ((e) >> 58 & 1)
#define PM_FILE(e) ((e) >> 61 & 1)
#define PM_SWAP(e) ((e) >> 62 & 1)
#define PM_PRESENT(e) ((e) >> 63 & 1)

#define KPF_ZERO_PAGE 24
#define KPF_MLOCKED 33

/* PAGEMAP_SCAN's argument, for C libraries that are older than it (6.7). */
struct scan_range { uint64_t start, end, categories; };
struct scan_args {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN _IOWR('f', 16, struct scan_args)
#define SCAN_HUGE (1 << 6)

struct area { uint64_t start, end; char perm[8]; long rss, anon, huge, swap; };
static struct area areas[MAX_AREAS];
static int area_count;

/* kB of the tables that count in VmPTE. */
long table_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if (!(f = fopen(path, "r")))
		return -1;
	while (fgets(line, sizeof line, f) && sscanf(line, "VmPTE: %ld", &kb) != 1)
		;
	fclose(f);
	return kb;
}

static bool in_a_region(uint64_t start, uint64_t end)
{
	for (int i = 0; i < region_count; i++)
		if (start < regions[i].addr + regions[i].len && end > regions[i].addr)
			return true;
	return false;
}

static void read_areas(pid_t pid)
{
	char path[64], line[512], perm[8];
	struct area *area = NULL;
	uint64_t start, end;
	long kb;
	FILE *f;

	area_count = 0;
	snprintf(path, sizeof path, "/proc/%d/smaps", pid);
	if (!(f = fopen(path, "r")))
		die("cannot read %s", path);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, perm) == 3) {
			area = NULL;
			if (!in_a_region(start, end))
				continue;
			if (area_count == MAX_AREAS)
				die("more than %d areas", MAX_AREAS);
			area = &areas[area_count++];
			*area = (struct area){ .start = start, .end = end };
			memcpy(area->perm, perm, sizeof area->perm);
		} else if (area && sscanf(line, "Rss: %ld", &kb) == 1)
			area->rss = kb;
		else if (area && sscanf(line, "Anonymous: %ld", &kb) == 1)
			area->anon = kb;
		else if (area && sscanf(line, "AnonHugePages: %ld", &kb) == 1)
			area->huge = kb;
		else if (area && sscanf(line, "Swap: %ld", &kb) == 1)
			area->swap = kb;
	}
	fclose(f);
}

/*
 * Runs of pages. One grows while pages are alike and follow each other in one folio; the one before it is held back,
 * because whole folios of one order are joined (src/study/ops/runs.ts does the same).
 */
struct run {
	uint64_t page, n;
	const char *cls;
	int order;
	uint64_t index, frame, maps;
	char flags[8];
};
static struct run growing, held;
static bool first_run;

static bool present(const struct run *run)
{
	return *run->cls == 'P' || *run->cls == 'H';
}

static bool alike(const struct run *a, const struct run *b)
{
	return a->n && !strcmp(a->cls, b->cls) && a->page + a->n == b->page && a->order == b->order &&
	       a->maps == b->maps && !strcmp(a->flags, b->flags);
}

static bool whole_folios(const struct run *run)
{
	return run->order > 0 && run->index == 0 && run->n % (1ull << run->order) == 0;
}

static void print_run(struct run *run)
{
	if (!run->n)
		return;
	out("%s[%" PRIu64 ",%" PRIu64 ",\"%s\"", first_run ? "" : ",", run->page, run->n, run->cls);
	if (present(run))
		out(",%d,%" PRIu64 ",%" PRIu64 ",\"%s\"", run->order, run->index, run->maps, run->flags);
	out("]");
	first_run = false;
	run->n = 0;
}

static void settle(void)
{
	if (alike(&held, &growing) && whole_folios(&held) && whole_folios(&growing)) {
		held.n += growing.n;
	} else if (growing.n) {
		print_run(&held);
		held = growing;
	}
	growing.n = 0;
}

static void add_page(const struct run *page)
{
	struct run *g = &growing;

	if (alike(g, page)) {
		bool follows = g->index + g->n == page->index && g->frame + g->n == page->frame;

		if (!present(g) || g->order == 0 || (follows && g->n < 1ull << g->order)) {
			g->n++;
			return;
		}
	}
	settle();
	growing = *page;
}

static void classify(struct run *page, uint64_t entry, bool huge)
{
	uint64_t frame = PM_FRAME(entry), flags = frame_flags(frame);
	struct folio_place place;
	char *letter = page->flags;

	if (flags >> KPF_ZERO_PAGE & 1) {
		page->cls = huge ? "hzero" : "zero";
		return;
	}
	place = folio_of(frame);
	page->cls = huge ? "H" : "P";
	page->order = place.order;
	page->index = place.index;
	page->frame = frame;
	page->maps = frame_mapcount(frame);
	if (PM_EXCLUSIVE(entry))
		*letter++ = 'x';
	if (PM_FILE(entry))
		*letter++ = 'f';
	if (flags >> KPF_MLOCKED & 1)
		*letter++ = 'L';
	if (PM_UFFD_WP(entry))
		*letter++ = 'w';
}

/* Entries from `i` on whose frames follow each other. */
static uint64_t following(const uint64_t *entries, uint64_t i, uint64_t n)
{
	uint64_t k = 1;

	while (i + k < n && PM_PRESENT(entries[i + k]) && PM_FRAME(entries[i + k]) == PM_FRAME(entries[i]) + k)
		k++;
	return k;
}

static void add_entries(const uint64_t *entries, uint64_t n, uint64_t page, const bool *huge)
{
	uint64_t loaded = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct run one = { .page = page + i, .n = 1 };

		if (PM_PRESENT(entries[i])) {
			if (i >= loaded) {
				uint64_t k = following(entries, i, n);

				folio_load(PM_FRAME(entries[i]), k);
				loaded = i + k;
			}
			classify(&one, entries[i], huge[i]);
		} else {
			one.cls = PM_GUARD(entries[i]) ? "guard" : PM_SWAP(entries[i]) ? "swap" : "none";
		}
		add_page(&one);
	}
}

/* Which of the pages are mapped by a huge entry. */
static void find_huge(int fd, uint64_t start, uint64_t end, bool *huge)
{
	static struct scan_range found[CHUNK];
	struct scan_args args = {
		.size = sizeof args, .start = start, .end = end, .vec = (uintptr_t)found, .vec_len = CHUNK,
		.category_mask = SCAN_HUGE, .return_mask = SCAN_HUGE,
	};
	int n = ioctl(fd, SCAN, &args);

	memset(huge, 0, (end - start) / page_size);
	if (n < 0)
		die("PAGEMAP_SCAN failed: Linux 6.7 or later is needed");
	for (int i = 0; i < n; i++)
		for (uint64_t va = found[i].start; va < found[i].end; va += page_size)
			huge[(va - start) / page_size] = true;
}

static void print_pages(int fd, const struct region *region, uint64_t start, uint64_t end)
{
	static uint64_t entries[CHUNK];
	static bool huge[CHUNK];

	while (start < end) {
		uint64_t n = (end - start) / page_size;
		ssize_t got;

		if (n > CHUNK)
			n = CHUNK;
		got = pread(fd, entries, n * 8, start / page_size * 8);
		if (got <= 0)
			return;
		n = got / 8;
		find_huge(fd, start, start + n * page_size, huge);
		add_entries(entries, n, (start - region->addr) / page_size, huge);
		start += n * page_size;
	}
}

static bool overlaps(const struct area *area, const struct region *region)
{
	return area->start < region->addr + region->len && area->end > region->addr;
}

static void print_areas(const struct region *region)
{
	bool first = true;

	for (int i = 0; i < area_count; i++) {
		const struct area *a = &areas[i];

		if (!overlaps(a, region))
			continue;
		out("%s{\"off\":%" PRId64 ",\"len\":%" PRIu64 ",\"perm\":\"%s\",\"rss\":%ld,\"anon\":%ld,\"ahp\":%ld,\"swap\":%ld}",
		    first ? "" : ",", (int64_t)(a->start - region->addr), a->end - a->start, a->perm, a->rss, a->anon,
		    a->huge, a->swap);
		first = false;
	}
}

/* Only whole pages of a region are listed: a script may give it any number of bytes. */
static void print_region(int fd, const struct region *region, bool first)
{
	uint64_t region_end = region->addr + region->len / page_size * page_size;

	out("%s{\"r\":\"%s\",\"va\":\"%" PRIx64 "\",\"len\":%" PRIu64 ",\"vmas\":[", first ? "" : ",", region->name,
	    region->addr, region->len);
	print_areas(region);
	out("],\"runs\":[");
	first_run = true;
	growing.n = held.n = 0;
	for (int i = 0; i < area_count; i++) {
		const struct area *a = &areas[i];
		uint64_t start = a->start > region->addr ? a->start : region->addr;
		uint64_t end = a->end < region_end ? a->end : region_end;

		if (overlaps(a, region) && start < end)
			print_pages(fd, region, start, end);
	}
	settle();
	print_run(&held);
	out("]}");
}

void print_process(int index, pid_t pid, long base_kb)
{
	char path[64];
	bool first = true;
	int fd;

	read_areas(pid);
	snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
	if ((fd = open(path, O_RDONLY)) < 0)
		die("cannot read %s", path);
	out("{\"p\":%d,\"dpte\":%ld,\"regions\":[", index, (table_kb(pid) - base_kb) * 1024 / (long)page_size);
	for (int i = 0; i < region_count; i++) {
		bool shown = false;

		for (int k = 0; k < area_count; k++)
			shown |= overlaps(&areas[k], &regions[i]);
		if (!shown)
			continue;
		print_region(fd, &regions[i], first);
		first = false;
	}
	out("]}");
	close(fd);
}

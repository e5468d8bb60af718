/*
 * /proc/kpageflags and /proc/kpagecount: what the kernel knows of a frame, and which folio it belongs to.
 *
 * A system call a frame would take most of a recording's time: frames that follow each other are read at once
 * (folio_load), and only a folio's edges beyond them one by one.
 */
#include "recorder.h"

#include <fcntl.h>
#include <unistd.h>

#define KPF_COMPOUND_HEAD 15
#define KPF_COMPOUND_TAIL 16
#define LOADED_MAX 65536
#define MAX_ORDER 12

static int flags_fd = -1, count_fd = -1;
static uint64_t loaded_first, loaded_n;
static uint64_t flags[LOADED_MAX], counts[LOADED_MAX];
/* The folio that was asked for last. */
static uint64_t last_head, last_size;

void folio_open(void)
{
	flags_fd = open("/proc/kpageflags", O_RDONLY);
	count_fd = open("/proc/kpagecount", O_RDONLY);
	if (flags_fd < 0 || count_fd < 0)
		die("cannot read /proc/kpageflags and /proc/kpagecount: root and CONFIG_PROC_PAGE_MONITOR are needed");
}

static void read_words(int fd, uint64_t pfn, uint64_t n, uint64_t *words)
{
	size_t bytes = n * sizeof *words, done = 0;

	while (done < bytes) {
		ssize_t got = pread(fd, (char *)words + done, bytes - done, pfn * sizeof *words + done);

		if (got <= 0)
			break;
		done += got;
	}
	for (; done < bytes; done += sizeof *words)
		words[done / sizeof *words] = 0;
}

void folio_load(uint64_t pfn, uint64_t n)
{
	if (n > LOADED_MAX)
		n = LOADED_MAX;
	read_words(flags_fd, pfn, n, flags);
	read_words(count_fd, pfn, n, counts);
	loaded_first = pfn;
	loaded_n = n;
	last_size = 0;
}

static uint64_t one(int fd, const uint64_t *loaded, uint64_t pfn)
{
	uint64_t word;

	if (pfn - loaded_first < loaded_n)
		return loaded[pfn - loaded_first];
	read_words(fd, pfn, 1, &word);
	return word;
}

uint64_t frame_flags(uint64_t pfn)
{
	return one(flags_fd, flags, pfn);
}

uint64_t frame_mapcount(uint64_t pfn)
{
	return one(count_fd, counts, pfn);
}

static bool has(uint64_t pfn, int bit)
{
	return frame_flags(pfn) >> bit & 1;
}

/* Folios are naturally aligned: the head is at one of ever coarser alignments. */
static uint64_t head_of(uint64_t pfn)
{
	uint64_t head = pfn;

	for (int order = 1; order <= MAX_ORDER && has(head, KPF_COMPOUND_TAIL); order++)
		head = pfn & ~((1ull << order) - 1);
	return head;
}

/* What lies right behind a folio cannot be a tail, because its own folio would have to be aligned as well. */
static uint64_t size_of_folio(uint64_t head)
{
	uint64_t size = 1;

	if (!has(head, KPF_COMPOUND_HEAD))
		return 1;
	while (size < 1ull << MAX_ORDER && has(head + size, KPF_COMPOUND_TAIL))
		size *= 2;
	return size;
}

struct folio_place folio_of(uint64_t pfn)
{
	struct folio_place place = { 0, 0 };

	if (pfn - last_head >= last_size) {
		last_head = head_of(pfn);
		last_size = size_of_folio(last_head);
	}
	while (1ull << place.order < last_size)
		place.order++;
	place.index = pfn - last_head;
	return place;
}

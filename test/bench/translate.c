/*
 * translate.c: the engine's twin in C, to compare its speed with: one core with a TLB of two levels, walk caches, and x86-64's
 * four levels of tables in memory. The model and the way sets are kept are those of src/mmu/engine/assembly; the geometry is
 * constant, as one writes it who wants one core fast.
 *
 * translate WORDS PAGES    files of 64-bit words: accesses (line number << 2 | 0 load, 1 store, 2 fetch); mapped pages
 * A line "run FROM N" on standard input runs N accesses and prints a line of JSON with counts and nanoseconds of CPU time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t u64;
#define ALWAYS static inline __attribute__((always_inline))

enum { LEVELS = 4, PAGE_SHIFT = 8, L1_SETS = 16, L1_WAYS = 4, L2_SETS = 128, L2_WAYS = 12 };


/* Tables: bits of an entry. */
enum { P = 1, RW = 2, ACCESSED = 1 << 5, DIRTY = 1 << 6, PS = 1 << 7 };
#define NX (1ull << 63)
#define FRAME(e) (((e) & 0x000ffffffffff000ull) >> 12)

static u64 (*tables)[512];
static uint8_t *line_seen;
static unsigned table_count, table_room;

static unsigned new_table(void)
{
	if (table_count == table_room) {
		table_room = table_room ? 2 * table_room : 1024;
		tables = realloc(tables, table_room * sizeof *tables);
		line_seen = realloc(line_seen, table_room * 64);
		if (!tables || !line_seen) { fputs("out of memory\n", stderr); exit(1); }
	}
	memset(tables[table_count], 0, sizeof *tables);
	memset(line_seen + 64 * table_count, 0, 64);
	return table_count++;
}

static unsigned index_at(u64 page, int level)
{
	return page >> 9 * level & 511;
}

static void map(u64 page, u64 frame)
{
	unsigned t = 0;
	for (int level = LEVELS - 1; level > 0; level--) {
		u64 e = tables[t][index_at(page, level)];
		if (!(e & P)) {
			unsigned child = new_table();
			e = (u64)child << 12 | P | RW;
			tables[t][index_at(page, level)] = e;
		}
		t = FRAME(e);
	}
	tables[t][index_at(page, 0)] = frame << 12 | P | RW;
}

/* Sets: the latest entry, then the others as a ring from the next latest on. The low two bits of a key are flags. */
struct entry { u64 key, value; };
#define EMPTY (~0ull)
#define FLAGS 3ull
#define NOT_STORABLE 1ull
#define NOT_EXEC 2ull
#define RING(ways) ((ways) <= 5 ? 4 : (ways) <= 9 ? 8 : (ways) <= 17 ? 16 : 32)
#define SET(ways) struct { struct entry latest; unsigned head; struct entry ring[RING(ways)]; }

static SET(L1_WAYS) l1[L1_SETS];
static SET(L2_WAYS) l2[L2_SETS];
static SET(32) cache1;
static SET(8) cache2;
static SET(4) cache3;

ALWAYS bool use(struct entry *latest, unsigned *head, struct entry *ring, unsigned ways, u64 key)
{
	if ((latest->key ^ key) <= FLAGS)
		return true;
	const unsigned mask = RING(ways) - 1, h = *head;
	for (unsigned i = 0; i < ways - 1; i++) {
		struct entry e = ring[(h + i) & mask];
		if ((e.key ^ key) > FLAGS)
			continue;
		for (unsigned j = i; j > 0; j--)
			ring[(h + j) & mask] = ring[(h + j - 1) & mask];
		ring[h] = *latest;
		*latest = e;
		return true;
	}
	return false;
}

ALWAYS void replace(struct entry *latest, unsigned *head, struct entry *ring, unsigned ways, u64 key, u64 value)
{
	*head = (*head - 1) & (RING(ways) - 1);
	ring[*head] = *latest;
	*latest = (struct entry){ key, value };
}

ALWAYS void make_storable(struct entry *latest, struct entry *ring, unsigned head, unsigned ways, u64 key)
{
	if ((latest->key ^ key) <= FLAGS) {
		latest->key &= ~NOT_STORABLE;
		return;
	}
	for (unsigned i = 0; i < ways - 1; i++) {
		struct entry *e = &ring[(head + i) & (RING(ways) - 1)];
		if ((e->key ^ key) <= FLAGS)
			e->key &= ~NOT_STORABLE;
	}
}

#define USE(set, ways, key) use(&(set).latest, &(set).head, (set).ring, ways, key)
#define REPLACE(set, ways, key, value) replace(&(set).latest, &(set).head, (set).ring, ways, key, value)
#define CLEAR(set) do { (set).latest.key = EMPTY; (set).head = 0; \
	for (unsigned i = 0; i < sizeof (set).ring / sizeof *(set).ring; i++) (set).ring[i].key = EMPTY; } while (0)

static struct { u64 hits2, walks, dirty_walks, faults, reads[LEVELS], lines[LEVELS]; } n;

#define TOUCH(cache, level) do { \
	const u64 key = word & ~0ull << (PAGE_SHIFT + 9 * level); \
	if (USE(cache, sizeof (cache).ring / sizeof *(cache).ring, key)) first = level - 1; \
	else REPLACE(cache, sizeof (cache).ring / sizeof *(cache).ring, key, 0); } while (0)

/* Walks; returns the leaf as it was, 0 for a fault. */
static u64 walk(u64 word, u64 *frame)
{
	const u64 page = word >> PAGE_SHIFT;
	unsigned slot[LEVELS], t = 0;
	int level = LEVELS - 1;
	u64 e;
	for (;; level--) {
		slot[level] = t * 512 + index_at(page, level);
		e = ((u64 *)tables)[slot[level]];
		if (level == 0 || (e & (P | PS)) != P)
			break;
		t = FRAME(e);
	}
	int first = LEVELS - 1;
	if (level < 3) {
		TOUCH(cache3, 3);
		if (level < 2) {
			TOUCH(cache2, 2);
			if (level < 1)
				TOUCH(cache1, 1);
		}
	}
	for (int l = first; l >= level; l--) {
		n.reads[l]++;
		if (line_seen[slot[l] >> 3])
			continue;
		line_seen[slot[l] >> 3] = 1;
		n.lines[l]++;
	}
	if (!(e & P) || ((word & 1) && !(e & RW)) || ((word & 2) && (e & NX)))
		return 0;
	const u64 noted = e | ACCESSED | (word & 1 ? DIRTY : 0);
	if (noted != e)
		((u64 *)tables)[slot[level]] = noted;
	*frame = FRAME(e) + (page & ((1ull << 9 * level) - 1));
	return e;
}

static __attribute__((noinline)) void access_slow(u64 word)
{
	const u64 page = word >> PAGE_SHIFT, tag = word & ~0ull << PAGE_SHIFT;
	struct entry e;
	u64 frame, leaf;
	if (USE(l1[page % L1_SETS], L1_WAYS, tag)) {
		e = l1[page % L1_SETS].latest;
	} else if (USE(l2[page % L2_SETS], L2_WAYS, tag)) {
		n.hits2++;
		e = l2[page % L2_SETS].latest;
		REPLACE(l1[page % L1_SETS], L1_WAYS, e.key, e.value);
	} else {
		n.walks++;
		leaf = walk(word, &frame);
		if (!leaf) {
			n.faults++;
			return;
		}
		const bool storable = (leaf & RW) && ((leaf & DIRTY) || (word & 1));
		const u64 key = tag | (storable ? 0 : NOT_STORABLE) | (leaf & NX ? NOT_EXEC : 0);
		const u64 value = frame << 1 | !!(leaf & RW);
		REPLACE(l1[page % L1_SETS], L1_WAYS, key, value);
		REPLACE(l2[page % L2_SETS], L2_WAYS, key, value);
		return;
	}
	if (!(e.key & word & FLAGS))
		return;
	if (word & e.value & 1) {
		n.dirty_walks++;
		if (walk(word, &frame)) {
			make_storable(&l1[page % L1_SETS].latest, l1[page % L1_SETS].ring, l1[page % L1_SETS].head, L1_WAYS, tag);
			make_storable(&l2[page % L2_SETS].latest, l2[page % L2_SETS].ring, l2[page % L2_SETS].head, L2_WAYS, tag);
			return;
		}
	}
	n.faults++;
}

static void run(const u64 *words, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		const u64 word = words[i];
		const u64 key = l1[(word >> PAGE_SHIFT) % L1_SETS].latest.key;
		if (((key ^ (word & ~0ull << PAGE_SHIFT)) & (word | ~FLAGS)) != 0)
			access_slow(word);
	}
}

static u64 *read_words(const char *file, u64 *count)
{
	FILE *f = fopen(file, "rb");
	if (!f || fseek(f, 0, SEEK_END)) { perror(file); exit(1); }
	const long bytes = ftell(f);
	u64 *words = malloc(bytes + 8);
	rewind(f);
	if (!words || fread(words, 1, bytes, f) != (size_t)bytes) { perror(file); exit(1); }
	fclose(f);
	*count = bytes / 8;
	return words;
}

static void print_list(const char *name, const u64 *list)
{
	printf(",\"%s\":[", name);
	for (int l = 0; l < LEVELS; l++)
		printf("%s%llu", l ? "," : "", (unsigned long long)list[l]);
	printf("]");
}

static void print(u64 count, double ns)
{
	printf("{\"units\":%llu,\"amount\":%.0f,\"counts\":{\"accesses\":%llu,\"tlbHits\":[%llu,%llu],\"walks\":%llu,\"dirtyWalks\":%llu,"
	       "\"faults\":%llu", (unsigned long long)count, ns, (unsigned long long)count,
	       (unsigned long long)(count - n.hits2 - n.walks), (unsigned long long)n.hits2, (unsigned long long)n.walks,
	       (unsigned long long)n.dirty_walks, (unsigned long long)n.faults);
	print_list("reads", n.reads);
	print_list("lines", n.lines);
	puts("}}");
	fflush(stdout);
}

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3) { fputs("usage: translate WORDS PAGES\n", stderr); return 2; }
	u64 words_count, pages_count;
	const u64 *words = read_words(argv[1], &words_count), *pages = read_words(argv[2], &pages_count);
	new_table();
	for (u64 i = 0; i < pages_count; i++)
		map(pages[i], i);
	for (int i = 0; i < L1_SETS; i++) CLEAR(l1[i]);
	for (int i = 0; i < L2_SETS; i++) CLEAR(l2[i]);
	CLEAR(cache1);
	CLEAR(cache2);
	CLEAR(cache3);
	char line[128];
	while (fgets(line, sizeof line, stdin)) {
		unsigned long long from, count;
		if (sscanf(line, "run %llu %llu", &from, &count) != 2 || from + count > words_count) {
			fprintf(stderr, "cannot '%s'", line);
			return 1;
		}
		memset(&n, 0, sizeof n);
		memset(line_seen, 0, 64 * table_count);
		const double start = cpu_ns();
		run(words + from, count);
		print(count, cpu_ns() - start);
	}
	return 0;
}

/*
 * Reads one line of an op script. The grammar is that of src/study/ops/script.ts, whose parser has seen every script
 * before it comes here (test/oracle): what is wrong here ends the script with one line and no advice.
 */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Newer than the C libraries of some of the systems to build on. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define MAX_WORDS_OF_LINE 16

struct region regions[MAX_REGIONS];
int region_count;

static const struct { const char *name; int advice; } advices[] = {
	{ "hugepage", MADV_HUGEPAGE }, { "nohugepage", MADV_NOHUGEPAGE }, { "collapse", MADV_COLLAPSE },
	{ "dontneed", MADV_DONTNEED }, { "free", MADV_FREE }, { "cold", MADV_COLD }, { "pageout", MADV_PAGEOUT },
	{ "willneed", MADV_WILLNEED }, { "guard", MADV_GUARD_INSTALL }, { "unguard", MADV_GUARD_REMOVE },
	{ "populate_read", MADV_POPULATE_READ }, { "populate_write", MADV_POPULATE_WRITE },
	{ "dontfork", MADV_DONTFORK }, { "dofork", MADV_DOFORK }, { "wipeonfork", MADV_WIPEONFORK },
	{ "keeponfork", MADV_KEEPONFORK }, { "mergeable", MADV_MERGEABLE }, { "unmergeable", MADV_UNMERGEABLE },
	{ "dontneed_locked", MADV_DONTNEED_LOCKED },
};

static const struct { const char *name; enum call call; } ranged[] = {
	{ "touch", CALL_WRITE }, { "peek", CALL_PEEK }, { "protect", CALL_PROTECT }, { "unmap", CALL_UNMAP },
	{ "remap", CALL_REMAP }, { "lock", CALL_LOCK }, { "unlock", CALL_UNLOCK }, { "mincore", CALL_MINCORE },
};

struct words { char *word[MAX_WORDS_OF_LINE]; int n, at; };

static char *next(struct words *w)
{
	return w->at < w->n ? w->word[w->at++] : NULL;
}

static char *needed(struct words *w, const char *line)
{
	char *word = next(w);

	if (!word)
		die("a word is missing in '%s'", line);
	return word;
}

static bool next_is_number(const struct words *w)
{
	return w->at < w->n && w->word[w->at][0] >= '0' && w->word[w->at][0] <= '9';
}

static uint64_t size_of(const char *text)
{
	char *end;
	int base = !strncasecmp(text, "0x", 2) ? 16 : 10;
	uint64_t value = strtoull(text, &end, base);

	switch (*end) {
	case 'K': case 'k': return value << 10;
	case 'M': case 'm': return value << 20;
	case 'G': case 'g': return value << 30;
	case 0: return value;
	}
	die("bad size '%s'", text);
}

static int prot_of(const char *text)
{
	int prot = PROT_NONE;

	if (!strcmp(text, "none"))
		return prot;
	for (; *text; text++)
		prot |= *text == 'r' ? PROT_READ : *text == 'w' ? PROT_WRITE : PROT_EXEC;
	return prot;
}

static struct region *find_region(const char *name)
{
	for (int i = 0; i < region_count; i++)
		if (!strncmp(regions[i].name, name, sizeof regions[i].name - 1))
			return &regions[i];
	return NULL;
}

/* The region of that name with new bounds. One without an address keeps the slot that it was given first. */
static struct region *set_region(const char *name, uint64_t len, uint64_t at)
{
	struct region *region = find_region(name);

	if (!region) {
		if (region_count == MAX_REGIONS)
			die("more than %d regions", MAX_REGIONS);
		region = &regions[region_count++];
		snprintf(region->name, sizeof region->name, "%s", name);
	}
	region->addr = at ? at : SLOT_BASE + (region - regions) * SLOT_SIZE;
	region->len = len;
	return region;
}

static const char *after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) ? NULL : word + n;
}

static void parse_map(struct words *w, struct op *op)
{
	const char *name = needed(w, op->text), *value;
	uint64_t size = size_of(needed(w, op->text)), at = 0;
	struct request *q = &op->request;
	bool shared = false;

	*q = (struct request){ .call = CALL_MAP, .prot = PROT_READ | PROT_WRITE };
	for (char *word = next(w); word; word = next(w)) {
		if ((value = after(word, "at=")))
			at = size_of(value);
		else if ((value = after(word, "prot=")))
			q->prot = prot_of(value);
		else if (!strcmp(word, "shared"))
			shared = true;
		else if (!strcmp(word, "populate"))
			q->flags |= MAP_POPULATE;
		else if (!strcmp(word, "noreserve"))
			q->flags |= MAP_NORESERVE;
		else
			die("bad word '%s' in '%s'", word, op->text);
	}
	q->flags |= MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | (shared ? MAP_SHARED : MAP_PRIVATE);
	q->addr = set_region(name, size, at)->addr;
	q->len = size;
}

/* NAME [OFF [LEN|end]] */
static void parse_part(struct words *w, struct op *op)
{
	const char *name = needed(w, op->text);
	struct region *region = find_region(name);
	struct request *q = &op->request;

	if (!region)
		die("no region '%s' in '%s'", name, op->text);
	op->off = next_is_number(w) ? size_of(next(w)) : 0;
	q->addr = region->addr + op->off;
	q->len = region->len - op->off;
	if (next_is_number(w))
		q->len = size_of(next(w));
	else if (w->at < w->n && !strcmp(w->word[w->at], "end"))
		w->at++;
}

static void parse_touch(struct words *w, struct op *op)
{
	struct request *q = &op->request;
	const char *value;

	q->value = 1;
	q->step = page_size;
	for (char *word = next(w); word; word = next(w)) {
		if (!strcmp(word, "r"))
			q->call = CALL_READ;
		else if (!strcmp(word, "w"))
			q->call = CALL_WRITE;
		else if ((value = after(word, "val=")))
			q->value = strtoull(value, NULL, 0);
		else if ((value = after(word, "step=")))
			q->step = size_of(value);
	}
	if (!q->step || q->len / q->step > MAX_WORDS)
		die("range too large in '%s'", op->text);
}

static void parse_remap(struct words *w, struct op *op)
{
	struct request *q = &op->request;
	const char *name, *value;
	uint64_t at = 0;

	q->new_len = size_of(needed(w, op->text));
	name = needed(w, op->text);
	q->flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	for (char *word = next(w); word; word = next(w)) {
		if ((value = after(word, "at=")))
			at = size_of(value);
		else if (!strcmp(word, "dontunmap"))
			q->flags |= MREMAP_DONTUNMAP;
	}
	q->new_addr = set_region(name, q->new_len, at)->addr;
}

static bool parse_ranged(struct words *w, struct op *op)
{
	struct request *q = &op->request;

	q->call = CALL_NOTHING;
	for (size_t i = 0; i < sizeof ranged / sizeof *ranged; i++)
		if (!strcmp(op->name, ranged[i].name))
			q->call = ranged[i].call;
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (!strcmp(op->name, advices[i].name)) {
			q->call = CALL_ADVISE;
			q->advice = advices[i].advice;
		}
	if (q->call == CALL_NOTHING)
		return false;
	parse_part(w, op);
	q->step = page_size;
	if (q->call == CALL_WRITE)
		parse_touch(w, op);
	else if (q->call == CALL_PROTECT)
		q->prot = prot_of(needed(w, op->text));
	else if (q->call == CALL_REMAP)
		parse_remap(w, op);
	else if ((q->call == CALL_PEEK || q->call == CALL_MINCORE) && q->len / page_size > MAX_WORDS)
		die("range too large in '%s'", op->text);
	return true;
}

static void parse_op(struct words *w, struct op *op)
{
	if (!strcmp(op->name, "map")) {
		parse_map(w, op);
	} else if (!strcmp(op->name, "fork")) {
		op->request.call = CALL_FORK;
	} else if (!strcmp(op->name, "exit")) {
		op->request.call = CALL_EXIT;
	} else if (!strcmp(op->name, "knob")) {
		op->knob = needed(w, op->text);
		op->knob_value = needed(w, op->text);
	} else if (!strcmp(op->name, "sleep")) {
		op->sleep_ms = atol(needed(w, op->text));
	} else if (strcmp(op->name, "state") && !parse_ranged(w, op)) {
		die("unknown op '%s'", op->name);
	}
}

bool parse_line(char *line, struct op *op)
{
	struct words w = { .n = 0, .at = 0 };
	size_t len;

	memset(op, 0, sizeof *op);
	line[strcspn(line, "#\r\n")] = 0;
	for (len = strlen(line); len && (line[len - 1] == ' ' || line[len - 1] == '\t'); len--)
		line[len - 1] = 0;
	snprintf(op->text, sizeof op->text, "%s", line);
	for (char *word = strtok(line, " \t"); word && w.n < MAX_WORDS_OF_LINE; word = strtok(NULL, " \t"))
		w.word[w.n++] = word;
	if (w.n == 0)
		return false;
	if (w.word[0][0] == '@')
		op->proc = atoi(next(&w) + 1);
	snprintf(op->name, sizeof op->name, "%s", needed(&w, op->text));
	if (op->proc < 0 || op->proc >= MAX_PROCS)
		die("bad process in '%s'", op->text);
	parse_op(&w, op);
	return true;
}

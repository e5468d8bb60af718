/*
 * The way out for records: standard output, or in a guest a window of its memory that the host reads. A serial port is
 * slow, and shared with whatever the kernel prints; on it go only short lines with @@ in front.
 */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW_BYTES (1u << 20)
#define WINDOW_MAGIC 0x776f646e69776d6dull

/* Little endian, as both architectures are. `sum` tells the host that it read all of the text. */
struct window {
	uint64_t magic;
	volatile uint32_t written, taken;	/* records so far */
	uint32_t bytes, sum;
	uint32_t more;				/* the record goes on in the next one */
	uint32_t unused;
	char text[];
};

static struct window *window;
static uint32_t used;

/* Frame number under an address, from pagemap; 0 if none. */
uint64_t frame_of(pid_t pid, uint64_t va)
{
	char path[64];
	uint64_t entry = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &entry, 8, va / page_size * 8) != 8)
		die("cannot read %s: %s", path, strerror(errno));
	close(fd);
	return entry & ((1ull << 55) - 1);
}

/* Shared, so that the observers of all scripts have the same frames. */
void window_open(void)
{
	static char buffer[1 << 16];

	if (!in_guest) {
		setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
		return;
	}
	window = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (window == MAP_FAILED || mlock(window, WINDOW_BYTES))
		die("no memory for the window: %s", strerror(errno));
	window->magic = WINDOW_MAGIC;
	printf("@@WINDOW %" PRIu64, page_size);
	for (uint64_t at = 0; at < WINDOW_BYTES; at += page_size)
		printf(" %" PRIx64, frame_of(getpid(), (uintptr_t)window + at));
	printf("\n");
	fflush(stdout);
}

static void hand_over(bool more)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < used; i++)
		sum = sum * 31 + (unsigned char)window->text[i];
	window->bytes = used;
	window->sum = sum;
	window->more = more;
	window->written++;
	printf("@@R\n");
	fflush(stdout);
	while (window->taken != window->written)
		;
	used = 0;
}

void out(const char *format, ...)
{
	const uint32_t room = WINDOW_BYTES - sizeof *window;
	va_list args;
	int n;

	va_start(args, format);
	if (!in_guest) {
		vprintf(format, args);
	} else {
		/* No piece of a record is longer than this. */
		if (used + 2048 > room)
			hand_over(true);
		n = vsnprintf(window->text + used, room - used, format, args);
		used += n;
	}
	va_end(args);
}

void out_end_of_line(void)
{
	if (in_guest) {
		hand_over(false);
	} else {
		putchar('\n');
		fflush(stdout);
	}
}

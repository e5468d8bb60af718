/*
 * Reads lackey's text as one would write it in C at first: line by line, numbers by strtoul. `lackey FILE`, then for each line of input
 * one run over the file and one line of JSON: accesses (loads and stores, one for each 64-byte line), the sum of the numbers of their
 * lines and kinds modulo 2^32, and CPU time in nanoseconds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int run(const char *file)
{
	double start = cpu();
	uint64_t n = 0;
	uint32_t sum = 0;
	char text[256];
	FILE *f = fopen(file, "r");

	if (!f)
		return 1;
	while (fgets(text, sizeof(text), f)) {
		char *end;
		uint64_t at, last;

		if (text[0] != ' ')
			continue;
		at = strtoull(text + 3, &end, 16);
		last = at + strtoul(end + 1, NULL, 10) - 1;
		for (at >>= 6; at <= last >> 6; at++, n++)
			sum += (uint32_t)at * 3 + (text[1] != 'L');
	}
	fclose(f);
	printf("{\"units\":%llu,\"amount\":%.0f,\"counts\":{\"accesses\":%llu,\"sum\":%u}}\n", (unsigned long long)n,
	       cpu() - start, (unsigned long long)n, sum);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	char line[64];

	while (argc == 2 && fgets(line, sizeof(line), stdin))
		if (run(argv[1]))
			return 1;
	return 0;
}

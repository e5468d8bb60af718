/*
 * The files below /sys/kernel/mm/transparent_hugepage: remembered, set to what every script starts with, and put back.
 * They hold for the whole machine, so two recorders take turns: a lock on the directory, which the kernel gives up when
 * its holder dies.
 */
#include "recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KNOBS "/sys/kernel/mm/transparent_hugepage"
#define MAX_KNOBS 128

static struct knob { char path[200], value[64]; } knobs[MAX_KNOBS];
static int knob_count;

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		err = errno;
	close(fd);
	return err;
}

/* "always [madvise] never" reads as "madvise". */
static int read_value(const char *path, char *value, size_t size)
{
	char text[256], *start = text, *end;
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	if ((end = strchr(text, ']')) && (start = strchr(text, '[')) && start < end) {
		*end = 0;
		start++;
	} else {
		start = text;
		start[strcspn(start, "\n")] = 0;
	}
	if (strlen(start) >= size)
		return -1;
	memcpy(value, start, strlen(start) + 1);
	return 0;
}

static void remember_dir(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d))) {
		struct knob *knob = &knobs[knob_count];

		if (entry->d_name[0] == '.' || knob_count == MAX_KNOBS)
			continue;
		if (snprintf(knob->path, sizeof knob->path, "%s/%s", dir, entry->d_name) >= (int)sizeof knob->path)
			continue;
		if (lstat(knob->path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0) {
			char below[sizeof knob->path];

			memcpy(below, knob->path, sizeof below);
			remember_dir(below, depth - 1);
		} else if (S_ISREG(st.st_mode) && (st.st_mode & 0200) && (st.st_mode & 0400) &&
			   read_value(knob->path, knob->value, sizeof knob->value) == 0) {
			knob_count++;
		}
	}
	if (d)
		closedir(d);
}

static void take_turns(void)
{
	int fd = open(KNOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		die("this kernel has no %s", KNOBS);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return;
	fprintf(stderr, "recorder: another recorder is at work; waiting\n");
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

void knobs_remember(void)
{
	take_turns();
	remember_dir(KNOBS, 1);
}

void knobs_restore(void)
{
	char now[64];

	for (int i = 0; i < knob_count; i++)
		if (read_value(knobs[i].path, now, sizeof now) < 0 || strcmp(now, knobs[i].value))
			write_file(knobs[i].path, knobs[i].value);
}

/* Debian's defaults, which are the model's (src/mm/thp.ts); and no khugepaged beside the script. */
void knobs_set_start(void)
{
	char value[64], pmd[64] = "", path[200];
	static const char *const fixed[][2] = {
		{ "enabled", "madvise" }, { "defrag", "madvise" }, { "shmem_enabled", "never" },
		{ "use_zero_page", "1" }, { "khugepaged/scan_sleep_millisecs", "3600000" },
	};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		knob_write(fixed[i][0], fixed[i][1]);
	if (read_value(KNOBS "/hpage_pmd_size", value, sizeof value) == 0)
		snprintf(pmd, sizeof pmd, "/hugepages-%llukB/", strtoull(value, NULL, 10) >> 10);
	for (int i = 0; i < knob_count; i++) {
		memcpy(path, knobs[i].path, sizeof path);
		if (!strstr(path, "/hugepages-"))
			continue;
		write_file(path, *pmd && strstr(path, pmd) ? "inherit" : "never");
	}
}

/* As a script names it: a path below the directory. */
int knob_write(const char *path, const char *value)
{
	char full[256];

	if (strstr(path, ".."))
		return EINVAL;
	snprintf(full, sizeof full, "%s/%s", KNOBS, path);
	return write_file(full, value);
}

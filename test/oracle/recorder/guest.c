/*
 * /init of a QEMU guest: what the recorder needs to be found, then the recorder itself over all of /scripts, then power off.
 */
#include "recorder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SCRIPTS 4096

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_scripts(char **list)
{
	DIR *dir = opendir("/scripts");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)) && n < MAX_SCRIPTS)
		if (entry->d_name[0] != '.' && asprintf(&list[n], "/scripts/%s", entry->d_name) > 0)
			n++;
	qsort(list, n, sizeof *list, by_name);
	return n;
}

/* Anything that is left without a parent comes to process 1 and is reaped here. */
static int run_recorder(char **argv)
{
	pid_t recorder = fork(), pid;
	int status = 0;

	if (recorder == 0) {
		execv("/init", argv);
		_exit(127);
	}
	while ((pid = waitpid(-1, &status, 0)) != recorder && pid > 0)
		;
	return status;
}

int guest_main(void)
{
	static char *argv[MAX_SCRIPTS + 3] = { "recorder", "-s" };
	int status;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, "") || mount("sysfs", "/sys", "sysfs", 0, ""))
		printf("@@FAIL no /proc or /sys\n");
	list_scripts(argv + 2);
	status = run_recorder(argv);
	printf("@@DONE %d\n", status);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 1;
}

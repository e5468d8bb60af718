/*
 * recorder [-s] SCRIPT...   runs op scripts in this kernel; prints JSON lines on standard output. Needs root.
 *
 * The grammar and the records are described in src/study/ops/script.ts and report.ts. For each script there is a header,
 * a line for each operation, and {"end":STATUS}; -s writes them to the guest's memory (window.c). Each script has an
 * observer process of its own; this one only waits for it and puts the knobs back, whatever happened to it.
 */
#include "recorder.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t page_size;
bool in_guest;

static volatile pid_t observer;

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("recorder: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

/* Knobs are the machine's, not ours. Only functions that a signal handler may call. */
static void on_stop(int signal)
{
	if (observer > 0) {
		kill(observer, SIGKILL);
		waitpid(observer, NULL, 0);
	}
	knobs_restore();
	_exit(128 + signal);
}

/*
 * Observer and victims share one CPU: pages wait in lists of each CPU (mlock's and the LRU's batches), and what is seen of
 * them would depend on who ran where.
 */
static void stay_on_this_cpu(void)
{
	cpu_set_t cpus;
	int cpu = sched_getcpu();

	CPU_ZERO(&cpus);
	if (cpu >= 0)
		CPU_SET(cpu, &cpus);
	if (cpu < 0 || sched_setaffinity(0, sizeof cpus, &cpus))
		die("cannot stay on one CPU: %s", strerror(errno));
}

/* The observer ends with its parent and then puts the knobs back itself. */
static void observe(const char *path)
{
	observer = 0;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	stay_on_this_cpu();
	knobs_set_start();
	run_script(path);
	exit(0);
}

static int run(const char *path)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0)
		observe(path);
	observer = pid;
	while (waitpid(pid, &status, 0) != pid)
		;
	observer = 0;
	knobs_restore();
	if (WIFSIGNALED(status))
		fprintf(stderr, "recorder: %s: killed by signal %d\n", path, WTERMSIG(status));
	out("{\"end\":%d}", status);
	out_end_of_line();
	return status;
}

/* Fixed addresses of the program, its stack and its libraries: VmPTE then repeats exactly. */
static void without_aslr(char **argv)
{
	int now = personality(0xffffffff);

	if (now < 0 || (now & ADDR_NO_RANDOMIZE) || personality(now | ADDR_NO_RANDOMIZE) < 0)
		return;
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	bool failed = false;

	page_size = sysconf(_SC_PAGESIZE);
	if (getpid() == 1)
		return guest_main();
	without_aslr(argv);
	in_guest = argc > 1 && !strcmp(argv[1], "-s");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	signal(SIGHUP, on_stop);
	window_open();
	knobs_remember();
	for (int i = in_guest ? 2 : 1; i < argc; i++)
		if (run(argv[i]) != 0)
			failed = true;
	return failed;
}

/*
 * The observer of one script: asks victims for operations one by one, and prints what came of each.
 */
#include "recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct victim { pid_t pid; int pidfd; bool introduced; };
static struct victim victims[MAX_PROCS];
static int victim_count;
static long base_kb;
static int op_number;

static void wait_for(int index, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = victims[index].pidfd, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (!(fds[0].revents & POLLIN))
		die("process %d was killed", index);
}

static struct reply ask(int index, struct request *q)
{
	struct reply reply;

	if (write(pipes[index].request[1], q, sizeof *q) != sizeof *q)
		die("cannot reach process %d", index);
	wait_for(index, pipes[index].reply[0]);
	if (read(pipes[index].reply[0], &reply, sizeof reply) != sizeof reply)
		die("bad answer of process %d", index);
	return reply;
}

static void add_victim(pid_t pid)
{
	struct victim *victim = &victims[victim_count++];

	*victim = (struct victim){ .pid = pid, .pidfd = syscall(SYS_pidfd_open, pid, 0) };
	if (victim->pidfd < 0)
		die("pidfd_open: %s", strerror(errno));
}

/* Its memory is gone when its pidfd says so: map counts of what it shared are settled. */
static void wait_for_exit(int index)
{
	struct pollfd fd = { .fd = victims[index].pidfd, .events = POLLIN };

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	close(victims[index].pidfd);
	victims[index].pid = 0;
}

static void start_victim(void)
{
	pid_t pid;

	for (int i = 0; i < MAX_PROCS; i++)
		if (pipe(pipes[i].request) || pipe(pipes[i].reply))
			die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		/* Without these it sees the end of its requests when the observer is gone. */
		for (int i = 0; i < MAX_PROCS; i++) {
			close(pipes[i].request[1]);
			close(pipes[i].reply[0]);
		}
		victim_main(0);
	}
	for (int i = 0; i < MAX_PROCS; i++)
		close(pipes[i].request[0]);
	add_victim(pid);
}

static struct reply do_fork(int index, struct request *q)
{
	struct reply reply, hello;

	if (victim_count == MAX_PROCS)
		die("more than %d processes", MAX_PROCS);
	q->number = victim_count;
	reply = ask(index, q);
	if (reply.rc < 0)
		return reply;
	add_victim(reply.child);
	wait_for(victim_count - 1, pipes[victim_count - 1].reply[0]);
	if (read(pipes[victim_count - 1].reply[0], &hello, sizeof hello) != sizeof hello)
		die("the child of process %d did not start", index);
	return reply;
}

static struct reply carry_out(struct op *op)
{
	struct reply reply = { .rc = 0 };
	int err = 0;

	if (!victims[op->proc].pid)
		die("no process %d in '%s'", op->proc, op->text);
	if (op->knob)
		err = knob_write(op->knob, op->knob_value);
	else if (op->sleep_ms)
		usleep(op->sleep_ms * 1000);
	else if (op->request.call == CALL_FORK)
		return do_fork(op->proc, &op->request);
	else if (op->request.call != CALL_NOTHING)
		reply = ask(op->proc, &op->request);
	if (err)
		return (struct reply){ .rc = -1, .err = err };
	if (op->request.call == CALL_EXIT)
		wait_for_exit(op->proc);
	return reply;
}

/* What is equal and follows each other is one range: [offset, bytes, VALUE]. */
static bool same(const struct op *op, uint64_t i, uint64_t k)
{
	if ((results->refused[i] & 1) != (results->refused[k] & 1))
		return false;
	return op->request.call != CALL_PEEK || results->words[i] == results->words[k];
}

static void print_ranges(const struct op *op, const char *key, uint64_t words)
{
	uint64_t step = op->request.step, k;
	bool first = true;

	out(",\"%s\":[", key);
	for (uint64_t i = 0; i < words; i = k) {
		bool refused = results->refused[i] & 1;

		for (k = i + 1; k < words && same(op, i, k); k++)
			;
		if (!strcmp(key, "segv") && !refused)
			continue;
		out("%s[%" PRIu64 ",%" PRIu64, first ? "" : ",", op->off + i * step, (k - i) * step);
		if (op->request.call == CALL_MINCORE)
			out(",%d", refused);
		else if (op->request.call == CALL_PEEK && refused)
			out(",\"segv\"");
		else if (op->request.call == CALL_PEEK)
			out(",%" PRIu64, results->words[i]);
		out("]");
		first = false;
	}
	out("]");
}

static void print_outcome(const struct op *op, const struct reply *reply)
{
	enum call call = op->request.call;
	bool touches = call == CALL_READ || call == CALL_WRITE || call == CALL_PEEK;

	/* How many accesses were refused is told by `segv` and `vals`. */
	out("{\"i\":%d,\"op\":\"%s\",\"p\":%d,\"rc\":%" PRId64, op_number++, op->text, op->proc,
	    touches ? 0 : reply->rc);
	if (reply->err)
		out(",\"err\":\"%s\"", strerrorname_np(reply->err));
	else
		out(",\"err\":null");
	out(",\"flt\":%" PRIu64, reply->faults);
	if ((call == CALL_READ || call == CALL_WRITE) && reply->rc > 0)
		print_ranges(op, "segv", reply->words);
	if (call == CALL_PEEK && reply->rc >= 0)
		print_ranges(op, "vals", reply->words);
	if (call == CALL_MINCORE && reply->rc == 0)
		print_ranges(op, "res", reply->words);
}

static void print_states(void)
{
	bool first = true;

	out(",\"procs\":[");
	for (int i = 0; i < victim_count; i++) {
		if (!victims[i].pid)
			continue;
		out("%s", first ? "" : ",");
		print_process(i, victims[i].pid, base_kb);
		first = false;
	}
	out("]");
}

/*
 * In a guest, the reader of its memory learns once where a process' tables are: it stops the machine while the process
 * runs, and takes the register that points to them.
 */
static void introduce(int index)
{
	struct request spin = { .call = CALL_SPIN, .number = index + 1 };

	printf("@@SPIN %d %d %" PRIu64 "\n", index, index + 1, frame_of(victims[index].pid, MARK_VA));
	fflush(stdout);
	ask(index, &spin);
	victims[index].introduced = true;
}

static void do_line(char *line)
{
	struct op op;
	struct reply reply;

	if (!parse_line(line, &op))
		return;
	reply = carry_out(&op);
	for (int i = 0; in_guest && i < victim_count; i++)
		if (victims[i].pid && !victims[i].introduced)
			introduce(i);
	print_outcome(&op, &reply);
	print_states();
	out("}");
	out_end_of_line();
}

static long memory_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	long kb = 0;

	if (!f || fscanf(f, "MemTotal: %ld", &kb) != 1)
		die("cannot read /proc/meminfo");
	fclose(f);
	return kb;
}

static uint64_t pmd_size(void)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
	uint64_t size = 0;

	if (f && fscanf(f, "%" SCNu64, &size) != 1)
		size = 0;
	if (f)
		fclose(f);
	return size;
}

/* pagemap calls a page that has just been made soft-dirty, if the kernel keeps that at all. */
static bool has_soft_dirty(void)
{
	char *page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t entry = 0;
	FILE *f = fopen("/proc/self/pagemap", "r");

	if (page == MAP_FAILED || !f)
		die("cannot read /proc/self/pagemap");
	*page = 1;
	if (fseek(f, (uintptr_t)page / page_size * 8, SEEK_SET) || fread(&entry, 8, 1, f) != 1)
		die("cannot read /proc/self/pagemap");
	fclose(f);
	munmap(page, page_size);
	return entry >> 55 & 1;
}

static void print_header(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct utsname name;

	uname(&name);
	out("{\"mmops\":2,\"script\":\"%s\",\"kernel\":\"%s\",\"arch\":\"%s\",\"page\":%" PRIu64 ",\"pmd\":%" PRIu64,
	    slash ? slash + 1 : path, name.release, name.machine, page_size, pmd_size());
	out(",\"memory\":%ld,\"softDirty\":%s}", memory_kb() * 1024, has_soft_dirty() ? "true" : "false");
	out_end_of_line();
}

static void *map_at(uint64_t addr, size_t bytes, int flags)
{
	void *at = mmap((void *)addr, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return at;
}

void run_script(const char *path)
{
	static char line[4096];
	struct request nothing = { .call = CALL_NOTHING };
	FILE *f = fopen(path, "r");

	if (!f)
		die("cannot read %s: %s", path, strerror(errno));
	folio_open();
	results = map_at(0, sizeof *results, MAP_SHARED | MAP_POPULATE);
	map_at(MARK_VA, page_size, MAP_PRIVATE | MAP_FIXED_NOREPLACE);
	start_victim();
	/* Twice, so that whatever only the first round needs is there. */
	ask(0, &nothing);
	ask(0, &nothing);
	base_kb = table_kb(victims[0].pid);
	print_header(path);
	while (fgets(line, sizeof line, f))
		do_line(line);
	fclose(f);
}

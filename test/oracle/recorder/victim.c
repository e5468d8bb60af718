/*
 * A victim: carries out what the observer asks for, in an address space that nothing else disturbs.
 *
 * It counts the page faults of each operation (getrusage), which is only exact if it never faults on its own account: all
 * that it writes lies in `own` and the results, and is faulted in, and after a fork un-shared, outside the counted part.
 */
#include "recorder.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_USED 65536
#define SIGNAL_STACK 65536

struct pipes pipes[MAX_PROCS];
struct results *results;

static struct {
	sigjmp_buf back;
	struct request request;
	struct reply reply;
	struct rusage usage;
	int index;
} own __attribute__((aligned(4096)));

static char signal_stack[SIGNAL_STACK];
static struct mark *const mark = (struct mark *)MARK_VA;
static volatile char *volatile const nowhere = (volatile char *)16;

extern char __executable_start[], edata[], end[];

static void on_refusal(int signal)
{
	siglongjmp(own.back, signal);
}

/* Writes nothing new to any page, and makes every page the process' own. */
static void fault_in(volatile char *start, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 4096)
		start[i] += 0;
}

static void fault_in_program(void)
{
	uintptr_t data = (uintptr_t)edata & ~(page_size - 1);

	for (uintptr_t at = (uintptr_t)__executable_start & ~(page_size - 1); at < (uintptr_t)end; at += page_size)
		madvise((void *)at, page_size, at < data ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

static void fault_in_all(void)
{
	volatile char stack[STACK_USED];

	memset((char *)stack, 1, sizeof stack);
	fault_in(stack, sizeof stack);
	mark->spins = mark->go = 0;
	fault_in((volatile char *)results, sizeof *results);
	fault_in_program();
	fault_in((volatile char *)&own, sizeof own);
	errno = 0;
	/* Once through a refused access, for the code and the signal frame. */
	if (sigsetjmp(own.back, 0) == 0)
		*nowhere = 1;
}

static uint64_t faults_so_far(void)
{
	getrusage(RUSAGE_SELF, &own.usage);
	return own.usage.ru_minflt + own.usage.ru_majflt;
}

/* One word at every step; a refused access is noted and the next one tried. */
static void touch(void)
{
	const struct request *q = &own.request;
	volatile uint64_t i;

	own.reply.words = (q->len + q->step - 1) / q->step;
	for (i = 0; i < own.reply.words; i++) {
		volatile uint64_t *word = (uint64_t *)(q->addr + i * q->step);

		if (sigsetjmp(own.back, 0)) {
			results->refused[i] = 1;
			results->words[i] = 0;
			own.reply.rc++;
			continue;
		}
		results->refused[i] = 0;
		if (q->call == CALL_WRITE)
			*word = q->value;
		else
			results->words[i] = *word;
	}
}

static int64_t failed(void *mapped)
{
	return mapped == MAP_FAILED ? -1 : 0;
}

static int64_t do_call(void)
{
	const struct request *q = &own.request;
	void *addr = (void *)q->addr;

	switch (q->call) {
	case CALL_MAP: return failed(mmap(addr, q->len, q->prot, q->flags, -1, 0));
	case CALL_REMAP: return failed(mremap(addr, q->len, q->new_len, q->flags, (void *)q->new_addr));
	case CALL_UNMAP: return munmap(addr, q->len);
	case CALL_PROTECT: return mprotect(addr, q->len, q->prot);
	case CALL_ADVISE: return madvise(addr, q->len, q->advice);
	case CALL_LOCK: return mlock(addr, q->len);
	case CALL_UNLOCK: return munlock(addr, q->len);
	case CALL_MINCORE:
		own.reply.words = q->len / page_size;
		return mincore(addr, q->len, results->refused);
	case CALL_READ: case CALL_WRITE: case CALL_PEEK:
		touch();
		return own.reply.rc;
	case CALL_SPIN:
		mark->spins = q->number;
		while (mark->go != (uint32_t)q->number)
			;
		return 0;
	default: return 0;
	}
}

static void answer(void)
{
	if (write(pipes[own.index].reply[1], &own.reply, sizeof own.reply) != sizeof own.reply)
		_exit(1);
}

/* A fork is not counted: parent and child race for the pages that they share. Both answer, each on its own pipe. */
static void do_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		own.index = own.request.number;
	own.reply.rc = child < 0 ? -1 : 0;
	own.reply.err = child < 0 ? errno : 0;
	own.reply.child = child;
	fault_in_all();
	answer();
}

static void serve(void)
{
	uint64_t before;

	memset(&own.reply, 0, sizeof own.reply);
	if (own.request.call == CALL_FORK) {
		do_fork();
		return;
	}
	errno = 0;
	before = faults_so_far();
	own.reply.rc = do_call();
	own.reply.err = own.reply.rc < 0 ? errno : 0;
	own.reply.faults = faults_so_far() - before;
	answer();
	if (own.request.call == CALL_EXIT)
		_exit(0);
}

static void set_up_signals(void)
{
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
	struct sigaction action = { .sa_handler = on_refusal, .sa_flags = SA_NODEFER | SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

void victim_main(int index)
{
	own.index = index;
	set_up_signals();
	memset(signal_stack, 1, sizeof signal_stack);
	fault_in_all();
	while (read(pipes[own.index].request[0], &own.request, sizeof own.request) == sizeof own.request)
		serve();
	_exit(0);
}

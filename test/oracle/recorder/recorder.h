/*
 * What the parts of the recorder share.
 *
 * The recorder runs op scripts in the kernel that it finds itself on, and writes after every operation what the kernel
 * shows of the address space. Two kinds of process take part:
 *
 *   the observer (observer.c)   reads the script, asks for one operation at a time, then looks: state.c, folio.c
 *   the victims (victim.c)      carry the operations out; a fork makes another one; they touch no memory of their own
 *                               that could fault while an operation is being counted
 *
 * The observer of a script is a child of main.c's process, which outlives it and puts the knobs back (knobs.c).
 * In a QEMU guest the recorder is /init (guest.c) and its output goes through the guest's memory (window.c).
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_PROCS 8
#define MAX_REGIONS 64
/* Words that one touch or peek may go to. */
#define MAX_WORDS (1u << 19)

/* Regions that name no address lie in slots of their own, so that alignment and table counts repeat. */
#define SLOT_BASE 0x200000000000ull
#define SLOT_SIZE 0x8000000000ull
/* A page of each victim, below the slots: by it a reader of the guest's memory knows that it found the right tables. */
#define MARK_VA 0x1f0000000000ull

/* What a victim is asked to do. */
enum call {
	CALL_NOTHING, CALL_MAP, CALL_READ, CALL_WRITE, CALL_PEEK, CALL_PROTECT, CALL_UNMAP, CALL_REMAP,
	CALL_ADVISE, CALL_LOCK, CALL_UNLOCK, CALL_MINCORE, CALL_FORK, CALL_EXIT, CALL_SPIN,
};

struct request {
	enum call call;
	uint64_t addr, len;
	uint64_t new_addr, new_len;	/* CALL_REMAP */
	uint64_t step, value;		/* CALL_READ, CALL_WRITE, CALL_PEEK */
	int prot;			/* CALL_MAP, CALL_PROTECT */
	int flags;			/* CALL_MAP, CALL_REMAP */
	int advice;			/* CALL_ADVISE */
	int number;			/* CALL_FORK: the child's; CALL_SPIN: what to wait for */
};

struct reply {
	int64_t rc;
	int err;
	pid_t child;			/* CALL_FORK */
	uint64_t faults;
	uint64_t words;			/* entries of `refused` and `words` that are filled */
};

/* Results that are too long for a pipe: shared by the observer and all victims. */
struct results {
	unsigned char refused[MAX_WORDS];	/* 1 = SIGSEGV or SIGBUS; mincore's bits */
	uint64_t words[MAX_WORDS];
};

struct mark {
	volatile uint32_t spins;	/* the victim waits until `go` has this number */
	volatile uint32_t go;
};

struct region {
	char name[16];
	uint64_t addr, len;
};

/* One line of a script, ready to be carried out. */
struct op {
	int proc;
	char text[512];			/* as printed: without comment */
	char name[32];			/* the operation's word */
	uint64_t off;			/* bytes from the region's start, for what is printed */
	struct request request;
	const char *knob, *knob_value;	/* knob: done by the observer */
	long sleep_ms;			/* sleep: likewise */
};

extern uint64_t page_size;
extern bool in_guest;

/* main.c */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* script.c */
extern struct region regions[MAX_REGIONS];
extern int region_count;
bool parse_line(char *line, struct op *op);	/* false: nothing on this line */

/* victim.c */
struct pipes { int request[2], reply[2]; };
extern struct pipes pipes[MAX_PROCS];
extern struct results *results;
void victim_main(int index) __attribute__((noreturn));

/* observer.c */
void run_script(const char *path);

/* state.c */
long table_kb(pid_t pid);
void print_process(int index, pid_t pid, long base_kb);

/* folio.c */
struct folio_place { int order; uint64_t index; };
void folio_open(void);
void folio_load(uint64_t pfn, uint64_t n);	/* read what holds for n frames from pfn on */
uint64_t frame_flags(uint64_t pfn);
uint64_t frame_mapcount(uint64_t pfn);
struct folio_place folio_of(uint64_t pfn);

/* knobs.c */
void knobs_remember(void);		/* also takes the lock: one recorder at a time */
void knobs_set_start(void);		/* what every script starts with */
void knobs_restore(void);		/* may be called from a signal handler */
int knob_write(const char *path, const char *value);	/* 0 or errno */

/* guest.c */
int guest_main(void);

/* window.c */
void window_open(void);
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_end_of_line(void);		/* hands the line over; in a guest, waits until it has been taken */
uint64_t frame_of(pid_t pid, uint64_t va);

#endif

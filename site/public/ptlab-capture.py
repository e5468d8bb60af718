#!/usr/bin/env python3
"""Records the memory layout of a live process (Linux, root): what `ptlab capture` does, for machines without Node.

Python 3.6 or newer and its standard library are all it needs. It writes the same file as `ptlab capture`, from the same
files of /proc (smaps, pagemap, kpageflags), and nothing in it identifies the machine: frame numbers and addresses are
replaced by others that mean the same to page tables. The format is described in src/study/capture/format.ts of ptlab,
and the replacing in anonymize.ts beside it. The process is not stopped; kill -STOP it first if it should hold still.

Not looked at: areas of more than 4 GiB of which smaps says that nothing is in memory or swapped out, and the vsyscall page.
"""
import argparse
import array
import bisect
import errno
import gzip
import io
import json
import os
import re
import signal
import stat
import sys

PROGRAM = "ptlab-capture"
MIB = 2**20
NO_PFN = -1
ZERO_BYTES = bytes(8 * 512)


class Mistake(Exception):
    """What the user reads as one line."""


# The machine


def this_machine():
    if not sys.platform.startswith("linux"):
        raise Mistake("recording a process works on Linux only")
    page = os.sysconf("SC_PAGE_SIZE")
    if page not in (4096, 16384, 65536):
        raise Mistake("this kernel's page size is not known: allowed are 4096, 16384, 65536")
    release = re.match(r"\d+\.\d+", os.uname().release)
    return {
        "arch": arch_of(os.uname().machine, page),
        "kernel": release.group() if release else "0.0",
        "page": page,
        "pmdOrder": pmd_order(page),
    }


def arch_of(name, page):
    if name == "aarch64":
        return "arm64-%dk" % (page // 1024)
    return {"x86_64": "x86-64", "riscv64": "riscv", "s390x": "s390"}.get(name, "other")


def pmd_order(page):
    """A kernel without THP does not say it; then a table of 8-byte entries fills one page."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size") as file:
            size = int(file.read())
    except (OSError, ValueError):
        size = page * (page // 8)
    return (size // page).bit_length() - 1


# Reading /proc

NEEDS_ROOT = "recording a process needs root: page frame numbers and /proc/kpageflags are closed to others"


def ended(pid):
    return Mistake("process %d ended while it was read; nothing is written" % pid)


def open_proc(pid, name, first=False):
    try:
        return open("/proc/%d/%s" % (pid, name), "rb", buffering=0)
    except OSError as error:
        raise proc_error(pid, error, first)


def proc_error(pid, error, first=False):
    """`first` tells a process that was never there from one that has just gone."""
    if error.errno == errno.ENOENT and first:
        return Mistake("there is no process %d" % pid)
    if error.errno in (errno.ENOENT, errno.ESRCH):
        return ended(pid)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Mistake(NEEDS_ROOT)
    return Mistake("process %d cannot be read: %s" % (pid, reason(error)))


def table_kb(pid):
    """kB of page tables; only a process that has memory has any."""
    with open_proc(pid, "status", first=True) as file:
        try:
            found = re.search(rb"^VmPTE:\s+(\d+) kB$", file.readall(), re.M)
        except OSError as error:
            raise proc_error(pid, error)
    if not found:
        raise Mistake("process %d has no memory of its own: it is a kernel thread, or has ended" % pid)
    return int(found.group(1))


HEADER = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+\s*(.*)$")
AMOUNT = re.compile(rb"(\w+):\s+(\d+) kB$")
AMOUNTS = ("Rss", "Anonymous", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped")
KERNEL_HALF = 1 << 63


class Vma:
    """One area; `start` and `end` are page numbers. `runs` holds five numbers a run, see add()."""

    __slots__ = ("start", "end", "perms", "kind", "kb", "runs", "candidates")

    def __init__(self, header, page):
        self.start = int(header.group(1), 16) // page
        self.end = int(header.group(2), 16) // page
        self.perms = header.group(3).decode()
        self.kind = kind_of(header.group(4))
        self.kb = dict.fromkeys(AMOUNTS + ("Swap",), 0)
        self.runs = array.array("q")
        self.candidates = 0


def read_smaps(pid, page):
    """The areas of the user's half, in address order."""
    vmas = []
    in_kernel = False
    with io.BufferedReader(open_proc(pid, "smaps")) as file:
        try:
            for line in file:
                header = HEADER.match(line.rstrip(b"\n"))
                if header:
                    in_kernel = int(header.group(1), 16) >= KERNEL_HALF
                    if not in_kernel:
                        vmas.append(Vma(header, page))
                    continue
                amount = AMOUNT.match(line.rstrip(b"\n"))
                name = amount.group(1).decode() if amount else ""
                if vmas and not in_kernel and name in vmas[-1].kb:
                    vmas[-1].kb[name] = int(amount.group(2))
        except OSError as error:
            raise proc_error(pid, error)
    if not vmas:
        raise ended(pid)
    return vmas


def kind_of(name):
    """What an area is, by its name, which goes no further."""
    if name == b"":
        return "anon"
    if name.startswith(b"[heap"):
        return "heap"
    if name.startswith(b"[stack"):
        return "stack"
    if name.startswith(b"[anon_shmem:"):
        return "shmem"
    if name.startswith(b"[anon:"):
        return "anon"
    if name.startswith((b"[", b"anon_inode:")):
        return "special"
    return "shmem" if name.startswith((b"/dev/zero", b"/dev/shm/", b"/memfd:", b"/SYSV")) else "file"


# Folios, by include/uapi/linux/kernel-page-flags.h

ANON, HEAD, TAIL, HUGETLB, NOPAGE, THP, ZERO = (1 << bit for bit in (12, 15, 16, 17, 20, 22, 24))
# A note on a frame: its kind, the order of its folio, and whether that changed while it was read.
KIND_FILE, KIND_ANON, KIND_ZERO, KIND_OTHER, KIND_MASK, ORDER_MASK, RACED = 0x00, 0x10, 0x20, 0x30, 0x30, 0x0F, 0x40


class PageFlags:
    """Notes on frames, read a PMD-sized block at a time and kept, so that a frame is in one folio wherever it is mapped."""

    def __init__(self, fd, pmd):
        self.fd = fd
        self.block = 1 << pmd
        self.known = {}

    def notes(self, block):
        if block not in self.known:
            data = os.pread(self.fd, 8 * self.block, 8 * self.block * block)
            flags = array.array("Q", data[: len(data) // 8 * 8])
            # Frames after the end of memory have no descriptor; a device may map them.
            flags.extend([NOPAGE] * (self.block - len(flags)))
            self.known[block] = frame_notes(flags)
        return self.known[block]


def frame_notes(flags):
    notes = bytearray(len(flags))
    i = 0
    while i < len(flags):
        n = folio_length(flags, i) if flags[i] & (HEAD | THP) == HEAD | THP else 1
        order = n.bit_length() - 1
        whole = n == 1 << order and i % n == 0
        for j in range(i, i + n):
            notes[j] = frame_note(flags[j], order if whole else 0, not whole)
        i += n
    return bytes(notes)


def frame_note(flags, order, broken):
    large = flags & (HEAD | TAIL)
    # A large folio that is no THP is hugetlb, or a driver's.
    if flags & (HUGETLB | NOPAGE) or (large and not flags & THP):
        return KIND_OTHER
    kind = KIND_ZERO if flags & ZERO else KIND_ANON if flags & ANON else KIND_FILE
    return kind | order | (RACED if broken or (large and order == 0) else 0)


def folio_length(flags, head):
    n = 1
    while head + n < len(flags) and flags[head + n] & TAIL:
        n += 1
    return n


# Runs

PRESENT, SWAPPED, GUARD, PFN_MASK = 1 << 63, 1 << 62, 1 << 58, (1 << 55) - 1
CHUNK = 65536
CLASS_OF = {KIND_FILE: "F", KIND_ANON: "A", KIND_ZERO: "Z", KIND_OTHER: "X"}


def add(runs, page, cls, pfn, order):
    """Adds a page to the last run (page, n, class, pfn, order) if it continues that, else starts a run with it."""
    if runs and runs[-5] + runs[-4] == page and runs[-3] == cls and runs[-1] == order:
        if pfn == (NO_PFN if runs[-2] == NO_PFN else runs[-2] + runs[-4]):
            runs[-4] += 1
            return
    runs.extend((page, 1, cls, pfn, order))


def read_runs(vma, pagemap, flags, pid, step):
    """Fills in the runs of an area; returns how many pages changed while they were read."""
    raced = 0
    for at in range(vma.start, vma.end, CHUNK):
        n = min(CHUNK, vma.end - at)
        data = read_pagemap(pagemap, at, n, pid)
        for part in range(0, n, 512):
            piece = data[8 * part : 8 * (part + 512)]
            if piece == ZERO_BYTES[: len(piece)]:
                continue
            for i, word in enumerate(array.array("Q", piece), at - vma.start + part):
                if word & PRESENT:
                    raced += add_frame(vma.runs, i, word & PFN_MASK, flags)
                elif word & GUARD:
                    add(vma.runs, i, ord("G"), NO_PFN, 0)
                elif word & SWAPPED:
                    add(vma.runs, i, ord("S"), NO_PFN, 0)
        step(n)
    return raced


def read_pagemap(pagemap, page, n, pid):
    parts, done = [], 0
    while done < 8 * n:
        try:
            got = os.pread(pagemap, 8 * n - done, 8 * page + done)
        except OSError as error:
            raise proc_error(pid, error)
        # The kernel answers with nothing once the process has given its memory back.
        if not got:
            raise ended(pid)
        parts.append(got)
        done += len(got)
    return b"".join(parts)


def add_frame(runs, page, pfn, flags):
    if pfn == 0:
        raise Mistake(NEEDS_ROOT)
    note = flags.notes(pfn // flags.block)[pfn % flags.block]
    cls = CLASS_OF[note & KIND_MASK]
    order = note & ORDER_MASK
    frameless = cls == "X" or (cls == "Z" and order == 0)
    add(runs, page, ord(cls), NO_PFN if frameless else pfn, 0 if frameless else order)
    return 1 if note & RACED else 0


def each_run(runs):
    """The runs as (page, n, class, pfn, order)."""
    for i in range(0, len(runs), 5):
        yield runs[i], runs[i + 1], chr(runs[i + 2]), runs[i + 3], runs[i + 4]


# Which blocks are mapped by a PMD: /proc says an amount for each area, and the layout which blocks can be meant


def infer_pmd(vma, page, pmd):
    kb = (page << pmd) / 1024
    left = {"A": int(vma.kb["AnonHugePages"] / kb + 0.5)}
    left["F"] = int((vma.kb["ShmemPmdMapped"] + vma.kb["FilePmdMapped"]) / kb + 0.5)
    marked, found = {"A": 0, "F": 0}, {"A": 0, "F": 0}
    out = array.array("q")
    for run in each_run(vma.runs):
        at = pmd_blocks(run, vma.start, pmd)
        if at is None or run[2] not in left:
            out.extend(packed(run))
            continue
        first, blocks = at
        take = min(blocks, left[run[2]] - marked[run[2]])
        found[run[2]] += blocks
        marked[run[2]] += take
        for piece in cut(run, first, take << pmd):
            out.extend(packed(piece))
    vma.runs = out
    vma.candidates = sum(found[c] for c in "AF" if found[c] > marked[c] > 0)


def packed(run):
    page, n, cls, pfn, order = run
    return page, n, ord(cls), pfn, order


def pmd_blocks(run, start, pmd):
    """The whole aligned blocks of a run of PMD-order folios: the first one's page in the area, and their number."""
    page, n, _, pfn, order = run
    size = 1 << pmd
    if order != pmd:
        return None
    skip = -pfn % size
    blocks = (n - skip) // size
    return (page + skip, blocks) if blocks > 0 and (start + page + skip) % size == 0 else None


def cut(run, first, length):
    """The run in up to three pieces, of which the middle one is mapped by PMDs."""
    page, n, cls, pfn, order = run
    if length == 0:
        return [run]
    edges = [(page, first, cls), (first, first + length, {"A": "H", "F": "h"}[cls]), (first + length, page + n, cls)]
    return [(a, b - a, c, pfn + a - page, order) for a, b, c in edges if b > a]


# Taking the machine out: see src/study/capture/anonymize.ts for the rules

TABLE_BITS = (21, 25, 29, 30, 36, 39, 42, 47)


class Spans:
    """Sorted inclusive spans that do not touch each other."""

    def __init__(self):
        self.first, self.last = [], []

    def take(self, first, last):
        if self.last and first <= self.last[-1] + 1:
            self.last[-1] = max(self.last[-1], last)
        else:
            self.first.append(first)
            self.last.append(last)

    def at(self, number):
        """Index of the first span that ends at or after a number."""
        return bisect.bisect_left(self.last, number)


def relocated(vmas, page_lg2, pmd):
    """New start page of every area."""
    bits = [b - page_lg2 for b in TABLE_BITS if b - page_lg2 >= pmd]
    if not bits or bits[0] != pmd:
        bits.insert(0, pmd)
    used = []
    for bit in bits:
        spans = Spans()
        for vma in vmas:
            spans.take(vma.start >> bit, (vma.end - 1) >> bit)
        used.append(spans)
    return [relocate(vma.start, bits, used) for vma in vmas]


def relocate(page, bits, used):
    out = page % (1 << bits[0])
    for i, bit in enumerate(bits):
        children = 1 << (bits[i + 1] - bit) if i + 1 < len(bits) else None
        out += new_child(page >> bit, children, used[i]) << bit
    return out


def new_child(child, children, used):
    """New index, within its node, of a used child of a node with so many children; None stands for the one node at the top."""
    base = 0 if children is None else child - child % children
    # Nothing precedes the one node at the top, so its first child is free to take.
    free = 0 if children is None else 1
    for i in range(used.at(base), len(used.first)):
        first = max(used.first[i] - base, 0)
        last = used.last[i] - base
        goes_on = children is not None and last >= children
        last = children - 1 if goes_on else last
        at = first if first == 0 or goes_on else free
        if child - base <= last:
            return at + (child - base - first)
        free = at + (last - first) + 2
    raise AssertionError("page-table child %d is not in use" % child)


def frame_map(vmas, block):
    """New number of a frame; known are the frames of the runs."""
    met = {}
    for vma in vmas:
        for _, n, _, pfn, _ in each_run(vma.runs):
            if pfn != NO_PFN:
                for b in range(pfn // block, (pfn + n - 1) // block + 1):
                    met.setdefault(b)
    clusters = Spans()
    for b in sorted(met):
        clusters.take(b, b)
    placed, free = {}, 1
    for b in met:
        i = clusters.at(b)
        if i not in placed:
            placed[i] = free
            free += clusters.last[i] - clusters.first[i] + 2

    def renumber(pfn):
        i = clusters.at(pfn // block)
        return (placed[i] + pfn // block - clusters.first[i]) * block + pfn % block

    return renumber


# The file


def capture_lines(capture):
    """The file's text, a line for each area."""
    machine, vmas = capture["machine"], capture["vmas"]
    head = [("ptlab", "capture"), ("version", 1)]
    head += [("name", capture["name"])] if capture["name"] else []
    head += [(key, machine[key]) for key in ("arch", "kernel", "page", "pmdOrder")] + [("VmPTE", capture["VmPTE"])]
    head += [("raced", capture["raced"])] if capture["raced"] else []
    yield members(head)[:-1] + ',"vmas":[\n'
    starts = relocated(vmas, machine["page"].bit_length() - 1, machine["pmdOrder"])
    renumber = frame_map(vmas, 1 << machine["pmdOrder"])
    for i, (vma, start) in enumerate(zip(vmas, starts)):
        yield (",\n" if i else "") + vma_line(vma, start, renumber)
    yield "\n]}\n"


def vma_line(vma, start, renumber):
    pairs = [("start", start), ("end", start + vma.end - vma.start), ("perms", vma.perms), ("kind", vma.kind)]
    pairs += [(name, vma.kb[name]) for name in AMOUNTS if vma.kb[name] > 0]
    pairs += [("pmdCandidates", vma.candidates)] if vma.candidates else []
    return members(pairs + [("runs", [run_record(run, renumber) for run in each_run(vma.runs)])])


def run_record(run, renumber):
    page, n, cls, pfn, order = run
    return [page, n, cls] if pfn == NO_PFN else [page, n, cls, renumber(pfn), order, pfn % (1 << order)]


def members(pairs):
    """A JSON object whose members stay in order in every Python."""
    return "{%s}" % ",".join("%s:%s" % (text_of(key), text_of(value)) for key, value in pairs)


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check_writable(path, force):
    folder = os.path.dirname(path) or "."
    if not os.path.exists(folder):
        raise Mistake("cannot write %s: there is no folder %s" % (path, folder))
    if not os.path.isdir(folder):
        raise Mistake("cannot write %s: %s is not a folder" % (path, folder))
    try:
        there = os.lstat(path)
    except OSError:
        there = None
    if there and stat.S_ISDIR(there.st_mode):
        raise Mistake("cannot write %s: it is a folder" % path)
    if there and not force:
        raise Mistake("%s exists: give --force to replace it" % path)
    if not os.access(folder, os.W_OK):
        raise Mistake("cannot write %s: no permission" % path)


def write_whole(path, lines):
    """Under a temporary name, which becomes the file's when all is written. Returns the bytes written."""
    temporary = os.path.join(os.path.dirname(path), ".%s.%d.tmp" % (os.path.basename(path), os.getpid()))
    try:
        with open(temporary, "xb") as file:
            # Neither name nor time in the header: the same capture gives the same bytes.
            out = gzip.GzipFile("", "wb", 6, file, 0) if path.endswith(".gz") else file
            for line in lines:
                out.write(line.encode("utf-8"))
            if out is not file:
                out.close()
            size = file.tell()
        os.rename(temporary, path)
        return size
    except OSError as error:
        raise Mistake("cannot write %s: %s" % (path, reason(error)))
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


REASONS = {
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space left",
    errno.ENOENT: "no such file",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
}


def reason(error):
    return REASONS.get(error.errno, errno.errorcode.get(error.errno, str(error)))


# The command


def record(pid, name, progress):
    machine = this_machine()
    vm_pte = table_kb(pid)
    vmas = read_smaps(pid, machine["page"])
    readable = [vma for vma in vmas if not is_empty_giant(vma, machine["page"])]
    done, total = [0], sum(vma.end - vma.start for vma in readable)

    def step(pages):
        done[0] += pages
        progress(done[0], total)

    raced = 0
    try:
        kpageflags = open("/proc/kpageflags", "rb", buffering=0)
    except OSError:
        raise Mistake(NEEDS_ROOT)
    with kpageflags, open_proc(pid, "pagemap") as pagemap:
        flags = PageFlags(kpageflags.fileno(), machine["pmdOrder"])
        for vma in readable:
            raced += read_runs(vma, pagemap.fileno(), flags, pid, step)
            infer_pmd(vma, machine["page"], machine["pmdOrder"])
    return {"machine": machine, "name": name, "VmPTE": vm_pte, "raced": raced, "vmas": vmas}


def is_empty_giant(vma, page):
    return (vma.end - vma.start) * page > 2**32 and vma.kb["Rss"] == 0 and vma.kb["Swap"] == 0


def progress_bar(what):
    """Draws a line over itself on a terminal; elsewhere nothing."""
    drawn = [""]

    def show(done, total):
        part = min(done / total, 1) if total else 1
        text = "%s [%s] %3d %%" % (what, ("#" * int(part * 30)).ljust(30, "."), int(part * 100))
        if sys.stderr.isatty() and text != drawn[0]:
            drawn[0] = text
            sys.stderr.write("\r" + text)
            sys.stderr.flush()

    def clear():
        if drawn[0]:
            sys.stderr.write("\r\x1b[K")

    return show, clear


def rough(size):
    return "%d KiB" % -(-size // 1024) if size < MIB else "%.1f MiB" % (size / MIB)


def summary(capture):
    vmas = capture["vmas"]
    pages = sum(run[1] for vma in vmas for run in each_run(vma.runs) if run[2] not in "SG")
    runs = sum(len(vma.runs) // 5 for vma in vmas)
    return "%s mapped in %d VMAs and %d runs" % (rough(pages * capture["machine"]["page"]), len(vmas), runs)


def remarks(capture):
    chosen = sum(1 for vma in capture["vmas"] if vma.candidates)
    if chosen:
        yield "in %d VMAs more blocks could be mapped by a PMD than are: the lowest addresses were taken" % chosen
    if capture["raced"]:
        yield "%d pages changed while they were read: kept as single pages" % capture["raced"]


class OneLineParser(argparse.ArgumentParser):
    def error(self, message):
        raise Mistake(message)


def arguments():
    parser = OneLineParser(
        prog=PROGRAM + ".py",
        description="record the memory layout of a live process (Linux, root); nothing of it identifies the machine",
    )
    parser.add_argument("pid", help="process id")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write, compressed if it ends in .gz")
    parser.add_argument("--name", default="", help="label to keep in the capture; nothing else names the program")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    return parser.parse_args()


MAX_PID = 2**22


def parse_pid(text):
    pid = int(text) if re.match(r"[0-9]{1,7}\Z", text) else 0
    if not 1 <= pid <= MAX_PID:
        raise Mistake("bad process id '%s': a number from 1 to %d is allowed" % (text, MAX_PID))
    return pid


def check_label(name):
    if len(name) > 80 or re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", name):
        raise Mistake("bad --name: at most 80 characters on one line are allowed")
    return name


def run():
    options = arguments()
    pid, name = parse_pid(options.pid), check_label(options.name)
    check_writable(options.output, options.force)
    show, clear = progress_bar("reading process %d" % pid)
    try:
        capture = record(pid, name, show)
    finally:
        clear()
    size = write_whole(options.output, capture_lines(capture))
    sys.stderr.write("%s, %s written to %s\n" % (summary(capture), rough(size), options.output))
    for line in remarks(capture):
        sys.stderr.write("note: %s\n" % line)


def main():
    # Ended from outside, it should clean up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except Mistake as mistake:
        sys.stderr.write("%s: %s\n" % (PROGRAM, mistake))
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("%s: interrupted\n" % PROGRAM)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

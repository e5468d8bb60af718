/**
 * Op scripts to begin with, for those who want to watch tables change.
 */

/** Scripts by name: what each is about is its name, and its comments say the rest. */
export const SAMPLE_SCRIPTS = {
  "fork and write, 64K folios": `knob hugepages-64kB/enabled always
map a 128K
touch a 0 128K
fork
@1 touch a 20K 4K    # the child gets a page of its own
touch a 0 4K         # and so does the parent
@1 exit
touch a 64K 4K       # nobody else has it: no copy
`,
  "protect parts of a contiguous block": `knob hugepages-64kB/enabled always
map a 192K
touch a 0 192K
protect a 64K 64K r      # a whole block
protect a 20K 8K r       # in the middle of one
protect a 20K 8K rw      # back: is it folded again?
protect a 128K 4K none
protect a 128K 4K rw
`,
  "guard in a huge page": `knob enabled always
map a 4M
touch a 0 4K             # one fault, a whole huge page
guard a 1M 16K
touch a 1M 4K            # refused
unguard a 1M 8K
touch a 1M 4K
dontneed a 0 2M          # guards stay
`,
  "move, aligned and not": `knob enabled always
map a 6M
touch a 0 6M
remap a 0 2M 2M b        # aligned: the huge leaf moves
remap a 2M 2M 2M c at=0x300000010000
remap c 0 1M 1M d
`,
  "tables come and go": `map a 4M
touch a 0 4K
touch a 2M 16K r         # read only: the zero page
touch a 2M 4K
dontneed a 0 2M          # is the empty table freed? x86-64; arm64 from 7.2 on
unmap a 0 2M
unmap a 2M 2M
`,
} as const;

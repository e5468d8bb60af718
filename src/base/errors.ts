/**
 * The two kinds of failure that are not data: a user's mistake, and a broken invariant of the model.
 *
 * A failing operation of the simulated kernel is neither: it is a result (`rc`, `err`) and throws nothing.
 */

/**
 * A mistake in what a user gave: one line that says what was given and what is allowed.
 * The command line prints the message alone and ends with status 2.
 */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** A state that the model's own rules exclude, carried in the message. Always a bug of ptlab. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** Throws {@link BrokenInvariant} unless the condition holds (the kernel's `VM_BUG_ON`). */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) broken(what);
}

/** Throws {@link BrokenInvariant}. For inner loops, where the words of an {@link invariant} would be made up at every turn. */
export function broken(what: string): never {
  throw new BrokenInvariant(what);
}

/**
 * The member of a closed list that a user named, or a {@link UserError} that lists what is allowed and the nearest name.
 * `what` says in words what is being named, for example "architecture".
 */
export function oneOf<T extends string>(what: string, given: string, allowed: readonly T[]): T {
  const hit = allowed.find((a) => a === given);
  if (hit !== undefined) return hit;
  const near = nearest(given, allowed);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  const names = allowed.map((name) => (name.includes(",") ? `'${name}'` : name));
  throw new UserError(`unknown ${what} '${given}': allowed are ${names.join(", ")}${hint}`);
}

/** The allowed name that a slip of the fingers is likely to have missed: one edit in a short word, two in a long one. */
export function nearest<T extends string>(given: string, allowed: readonly T[]): T | undefined {
  const scored = allowed.map((name) => ({ name, d: editDistance(given, name) })).sort((a, b) => a.d - b.d);
  return scored[0] !== undefined && scored[0].d <= (given.length <= 4 ? 1 : 2) ? scored[0].name : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i || j));
  for (let i = 1; i <= a.length; i++) {
    d[i]![0] = i;
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const substitute = d[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = swapped ? d[i - 2]![j - 2]! + 1 : substitute;
      d[i]![j] = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, substitute, swap);
    }
  }
  return d[a.length]![b.length]!;
}

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
  if (!holds) throw new BrokenInvariant(what);
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
  throw new UserError(`unknown ${what} '${given}': allowed are ${allowed.join(", ")}${hint}`);
}

/** The allowed name within an edit distance of two, if there is one. */
export function nearest<T extends string>(given: string, allowed: readonly T[]): T | undefined {
  const scored = allowed.map((name) => ({ name, d: editDistance(given, name) })).sort((a, b) => a.d - b.d);
  return scored[0] !== undefined && scored[0].d <= 2 ? scored[0].name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap));
    }
    row = next;
  }
  return row[b.length]!;
}

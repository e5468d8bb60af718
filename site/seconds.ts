// Times as readers see them, in figures and cells alike.

/** How long something took: 250 ms, 1.5 s. */
export const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

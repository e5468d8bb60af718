/**
 * What a command of the command line may use of the outside world besides the files it is told to read and write.
 */

/** Where a command prints, and how it hears that it should stop. Texts carry their own line ends. */
export interface CommandEffects {
  out(text: string): void;
  err(text: string): void;
  /** Is standard error a terminal, so that a line may be drawn over? */
  readonly terminal: boolean;
  /** Columns of standard output, if that is a terminal. */
  readonly columns?: number;
  /** Aborted when the user interrupts. */
  readonly signal?: AbortSignal;
}

/** A line on a terminal that shows how far a long run has come, and is gone afterwards. */
export interface ProgressLine {
  readonly show: (done: number, total: number) => void;
  /** Instead of a bar, words: for work whose end is not known. */
  readonly say: (text: string) => void;
  readonly clear: () => void;
}

const BAR = 30;

/** A progress line with a few words before it; draws only where there is a terminal, and only when it changes. */
export function progressLine(what: string, effects: CommandEffects): ProgressLine {
  let drawn = "";
  const draw = (text: string) => {
    if (text === drawn || !effects.terminal) return;
    effects.err(text === "" ? "\r\x1b[K" : `\r${text}`);
    drawn = text;
  };
  const show = (done: number, total: number) => {
    const part = total === 0 ? 1 : Math.min(done / total, 1);
    const filled = Math.floor(part * BAR);
    const percent = `${Math.floor(part * 100)}`.padStart(3);
    draw(`${what} [${"#".repeat(filled)}${".".repeat(BAR - filled)}] ${percent} %`);
  };
  const say = (text: string) => draw(`${what}: ${text}`);
  return { show, say, clear: () => draw("") };
}

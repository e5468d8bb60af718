/**
 * Runs cells in a session and gives their stored outputs, for the tests of this folder.
 */
import type { NbOutput } from "../../src/notebook/format.ts";
import { type OutputEvent, outputLog } from "../../src/notebook/outputs.ts";
import type { ExecuteResult, Session } from "../../src/notebook/session.ts";

export interface Ran extends ExecuteResult {
  readonly outputs: readonly NbOutput[];
  /** Text of the last expression's value, if one was shown. */
  readonly value: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Traceback without colours. */
  readonly trace: string;
}

/** Runs one cell. `onEvent` is called for each of its events, also late ones. */
export async function runCell(
  session: Session,
  code: string,
  { signal, onEvent }: { signal?: AbortSignal; onEvent?: (event: OutputEvent) => void } = {},
): Promise<Ran> {
  const log = outputLog();
  const onOutput = (event: OutputEvent) => {
    log.apply(0, event);
    onEvent?.(event);
  };
  const result = await session.execute(code, { onOutput, signal });
  const outputs = log.of(0);
  const shown = outputs.find((o) => o.output_type === "execute_result");
  const stream = (name: string) =>
    outputs.map((o) => (o.output_type === "stream" && o.name === name ? o.text : "")).join("");
  return {
    ...{ ...result, outputs, value: shown?.data["text/plain"] as string | undefined },
    ...{ stdout: stream("stdout"), stderr: stream("stderr"), trace: plain((result.traceback ?? []).join("\n")) },
  };
}

/** Text without terminal colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence starts with a control character
export const plain = (text: string): string => text.replace(/\x1b\[[\d;]*m/g, "");

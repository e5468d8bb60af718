/**
 * What a cell imports from `ptlab/jupyter` to show something before its end, to replace what it has shown, to empty its
 * output, and to ask the person at the front end. The value of a cell's last expression needs none of this.
 */

export type { Excerpt } from "./show/excerpt.ts";
export * from "./show/output.ts";
export { type ProgressBar, progress, progressBar } from "./show/progress.ts";
export { recordings } from "./show/recordings.ts";
export { type SourcePlace, source, sourceBeside } from "./show/source.ts";
export {
  type Comm,
  type CommEvent,
  type CommExtras,
  type CommListener,
  type CommOpened,
  openComm,
  registerCommTarget,
} from "./widgets/comms.ts";
export { controls, type Inputs, type ValuesOf } from "./widgets/controls.ts";
export { checkbox, type Input, type SliderOptions, select, slider, textBox } from "./widgets/inputs.ts";

/**
 * Two cells of a notebook that end in a picture.
 */

/** The rows; shows nothing itself. */
export const SIZES = `import { figure, parseSize } from "ptlab";
const sizes: readonly { size: string; bytes: number }[] = ["4K", "2M"].map((size) => ({ size, bytes: parseSize(size) }));`;

/** Their figure. */
export const FIGURE = `figure({
  title: "Page sizes",
  caption: "Bytes of two pages.",
  alt: "The 2M page is 512 times the 4K page.",
  better: "more is better",
  columns: [
    { key: "size", label: "size", definition: "the name of the size" },
    { key: "bytes", label: "bytes", definition: "bytes of one page", basis: "counted", unit: "B" },
  ],
  rows: sizes,
  origin: { designs: ["pages"], workload: "none", params: {}, seed: null, input: null },
  plot: (plot, frame) => ({ x: frame.axis("size"), y: frame.axis("bytes"), marks: [plot.barY(sizes, { x: "size", y: "bytes" })] }),
})`;

// A picture as PNG, for slides and papers: twice as many pixels as CSS pixels, black ink on white, whatever the page's
// colours are. Dark ink on nothing would be lost on a dark slide, and a dark picture on paper.

/** Pixels of the file for each CSS pixel of the picture. */
const SCALE = 2;

/** The picture as the bytes of a PNG file. Fonts are those of the reader's system, as on the page. */
export async function toPng(svg: string): Promise<Blob> {
  const { address, width, height } = enlarged(svg);
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** As a data address, which the page's policy allows for images; a blob's it does not. */
function enlarged(svg: string): { address: string; width: number; height: number } {
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const [width, height] = ["width", "height"].map((side) => Math.ceil(Number(root.getAttribute(side)) * SCALE));
  root.setAttribute("width", String(width));
  root.setAttribute("height", String(height));
  root.setAttribute("style", "white-space:pre;color:black");
  const text = new XMLSerializer().serializeToString(root);
  return {
    address: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`,
    width: width!,
    height: height!,
  };
}

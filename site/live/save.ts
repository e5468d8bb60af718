// Giving the reader something to take away: into the clipboard, or as a file.

/** Puts a text into the clipboard. False if the browser lets no script do that here. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or no clipboard because the page came over plain http: the older way asks for neither.
    return copySelection(text);
  }
}

function copySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;inset:0 auto auto 0;opacity:0";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}

/** Offers a file as the browser's download. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(content);
  link.click();
  // The download has begun by then; without this the bytes stay in memory as long as the page.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Stands for the user interface of the search, which is half as heavy as a page and which the theme loads with each of them:
 * here it is loaded when the search is opened for the first time. `astro.config.mjs` puts it in its place.
 */

/** As the theme makes it when a page has been loaded. */
export class PagefindUI {
  constructor(options: Readonly<Record<string, unknown>>) {
    const search = document.querySelector("site-search")!;
    const button = search.querySelector("button")!;
    // Whoever speaks to a computer says what is seen (WCAG 2.2, 2.5.3), and its keys are seen on the button.
    button.ariaLabel = button.textContent!.replace(/\s+/g, " ").trim();
    const dialog = search.querySelector("dialog")!;
    opened(dialog).then(() => load(dialog, options));
  }
}

/** The dialog tells no event of its own in browsers of the last years. */
function opened(dialog: HTMLDialogElement): Promise<void> {
  return new Promise((done) => {
    if (dialog.open) return done();
    const observer = new MutationObserver(() => {
      observer.disconnect();
      done();
    });
    observer.observe(dialog, { attributeFilter: ["open"] });
  });
}

/** The theme gives the focus to the field when it opens the dialog, but now there was none yet. */
async function load(dialog: HTMLDialogElement, options: Readonly<Record<string, unknown>>): Promise<void> {
  const { PagefindUI: Interface } = await import("@pagefind/default-ui/npm_dist/mjs/ui-core.mjs");
  new Interface(options);
  dialog.querySelector("input")?.focus();
}

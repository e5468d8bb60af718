/// <reference types="astro/client" />
/// <reference types="@astrojs/starlight/types" />

/** Has no types of its own. */
declare module "@pagefind/default-ui/npm_dist/mjs/ui-core.mjs" {
  export class PagefindUI {
    constructor(options: Readonly<Record<string, unknown>>);
  }
}

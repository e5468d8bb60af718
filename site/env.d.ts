/// <reference types="astro/client" />
/// <reference types="@astrojs/starlight/types" />

/** Has no types of its own. */
declare module "@pagefind/default-ui/npm_dist/mjs/ui-core.mjs" {
  export class PagefindUI {
    constructor(options: Readonly<Record<string, unknown>>);
  }
}

/** Version and source digest of the simulator that a page runs; the settings of the build put them in. */
declare const __PTLAB_BUILD__: { readonly version: string; readonly source: string };

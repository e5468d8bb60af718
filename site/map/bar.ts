// What stands above a map: the way back, and the name of the cell at the pointer or the focus. Part of the page from the start, so that
// nothing moves when the script comes.

/** The bar's HTML. */
export const BAR =
  '<div class="ptlab-map-bar not-content"><nav aria-label="Place in the map"><ol><li><button type="button" data-path="all" aria-current="location">all VMAs</button></li></ol></nav>' +
  '<p class="ptlab-map-cell" aria-hidden="true">Point at a strip, or move among them by arrow keys; Enter goes in, Escape comes out.</p></div>';

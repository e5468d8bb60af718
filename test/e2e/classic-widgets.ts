/**
 * Widgets in the classic Notebook: the official manager and controls of @jupyter-widgets, which Debian has only in a version of
 * 2017, are put into the page and connected to its comms and outputs, as the Notebook's own extension does.
 */
import type { Page } from "playwright-core";

/** Loads `dist/embed-amd.js` of @jupyter-widgets/html-manager into a page whose kernel has started. */
export async function addWidgets(page: Page, embedAmd: string): Promise<void> {
  await page.addScriptTag({ path: embedAmd });
  await page.evaluate(CONNECT);
}

/** As text, because it runs in the page, among modules that this project does not have. */
const CONNECT = `new Promise((resolve, reject) => {
  const modules = ["@jupyter-widgets/html-manager", "base/js/namespace", "notebook/js/outputarea"];
  require(modules, ({ HTMLManager }, { notebook }, { OutputArea }) => {
    const manager = new HTMLManager();
    notebook.kernel.comm_manager.register_target("jupyter.widget", (comm, message) => manager.handle_comm_open(comm, message));
    const show = async ({ model_id }, metadata, element) => {
      const area = document.createElement("div");
      element.append(area);
      await manager.display_view(manager.create_view(await manager.get_model(model_id)), area);
    };
    OutputArea.prototype.register_mime_type("application/vnd.jupyter.widget-view+json", function (data, metadata, element) {
      const own = this.create_output_subarea(metadata, "jupyter-widgets-view", "application/vnd.jupyter.widget-view+json");
      element.append(own);
      show(data, metadata, own);
      return own;
    }, { safe: true, index: 0 });
    resolve();
  }, reject);
})`;

/**
 * Widgets in the classic Notebook: the official manager and controls of @jupyter-widgets, which Debian has only in a version of
 * 2017, are put into the page and connected to its comms and outputs, as the Notebook's own extension does.
 */
import type { Page } from "playwright-core";

/** Loads `dist/embed-amd.js` of @jupyter-widgets/html-manager into a page whose kernel has started; what that has already is shown again. */
export async function addWidgets(page: Page, embedAmd: string): Promise<void> {
  await page.addScriptTag({ path: embedAmd });
  await page.evaluate(CONNECT);
}

/** As text, because it runs in the page, among modules that this project does not have. */
const CONNECT = `new Promise((resolve, reject) => {
  const MIME = "application/vnd.jupyter.widget-view+json";
  const modules = ["@jupyter-widgets/html-manager", "base/js/namespace", "notebook/js/outputarea", "services/kernels/comm"];
  const connect = async ({ HTMLManager }, { notebook }, { OutputArea }, { Comm }) => {
    const comms = notebook.kernel.comm_manager;
    class Manager extends HTMLManager {
      // Without data it is open already, at the kernel.
      async _create_comm(target, id, data, metadata, buffers) {
        if (data || metadata) return comms.new_comm(target, data, {}, metadata, id, buffers);
        const comm = new Comm(target, id);
        comms.register_comm(comm);
        return comm;
      }
    }
    const manager = new Manager();
    comms.register_target("jupyter.widget", (comm, message) => manager.handle_comm_open(comm, message));
    const show = async ({ model_id }, element) => {
      await manager.display_view(manager.create_view(await manager.get_model(model_id)), element);
    };
    OutputArea.prototype.register_mime_type(MIME, function (data, metadata, element) {
      const own = this.create_output_subarea(metadata, "jupyter-widgets-view", MIME);
      element.append(own);
      show(data, own[0] ?? own);
      return own;
    }, { safe: true, index: 0 });
    await manager._loadFromKernel();
    for (const { output_area: area } of notebook.get_cells().filter(({ output_area }) => output_area)) {
      const outputs = area.toJSON();
      area.clear_output();
      area.fromJSON(outputs, {});
    }
  };
  require(modules, (...loaded) => void connect(...loaded).then(resolve, reject), reject);
})`;

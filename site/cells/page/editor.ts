/**
 * The editor of a cell: CodeMirror with TypeScript, in the page's own colours.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, type Extension, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

/** What an editor tells of. */
export interface Listener {
  changed(text: string): void;
  run(): void;
  /** Run, and go on with the next cell. */
  runAndGo(): void;
}

/** An open editor. */
export interface Editor {
  readonly element: HTMLElement;
  focus(): void;
  /** Adds what came later, such as the types. */
  extend(extension: Extension): void;
}

/** Opens an editor for the `number`th cell. */
export function openEditor(parent: HTMLElement, number: number, text: string, listener: Listener): Editor {
  const later = new Compartment();
  const extensions = [keysOf(listener), typescript(), inPage(number), later.of([])];
  const changes = EditorView.updateListener.of((update) => {
    if (update.docChanged) listener.changed(update.state.doc.toString());
  });
  const view = new EditorView({ parent, doc: text, extensions: [extensions, changes] });
  return {
    element: view.dom,
    focus: () => view.focus(),
    extend: (extension) => view.dispatch({ effects: later.reconfigure(extension) }),
  };
}

/** The keys that run a cell go before those that edit it. */
function keysOf({ run, runAndGo }: Listener): Extension {
  const command = (act: () => void) => () => {
    act();
    return true;
  };
  const runs = keymap.of([
    { key: "Mod-Enter", run: command(run) },
    { key: "Shift-Enter", run: command(runAndGo) },
  ]);
  return [Prec.highest(runs), keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab])];
}

const typescript = (): Extension => [
  [lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine()],
  [javascript({ typescript: true }), syntaxHighlighting(classHighlighter), EditorView.lineWrapping],
];

/** In the page's colours, and with a name. */
const inPage = (number: number): Extension => [
  EditorView.darkTheme.of(document.documentElement.dataset.theme === "dark"),
  EditorView.contentAttributes.of({
    "aria-label": `Code of cell ${number}. Control Enter runs it, Escape and then Tab leaves it.`,
  }),
];

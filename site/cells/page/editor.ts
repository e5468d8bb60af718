/**
 * The editor of a cell: CodeMirror with TypeScript, in the page's own colours.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
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
  text(): string;
  replace(text: string): void;
  focus(): void;
  /** Adds what came later, such as the types. */
  extend(extension: Extension): void;
}

/** Opens an editor for the `number`th cell. */
export function openEditor(parent: HTMLElement, number: number, text: string, listener: Listener): Editor {
  const later = new Compartment();
  const command = (act: () => void) => () => {
    act();
    return true;
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(
          keymap.of([
            { key: "Mod-Enter", run: command(listener.run) },
            { key: "Shift-Enter", run: command(listener.runAndGo) },
          ]),
        ),
        [lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine()],
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        javascript({ typescript: true }),
        syntaxHighlighting(classHighlighter),
        EditorView.lineWrapping,
        EditorView.darkTheme.of(document.documentElement.dataset.theme === "dark"),
        EditorView.contentAttributes.of({
          "aria-label": `Code of cell ${number}. Control Enter runs it, Escape and then Tab leaves it.`,
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) listener.changed(update.state.doc.toString());
        }),
        later.of([]),
      ],
    }),
  });
  return {
    element: view.dom,
    text: () => view.state.doc.toString(),
    replace: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    focus: () => view.focus(),
    extend: (extension) => view.dispatch({ effects: later.reconfigure(extension) }),
  };
}

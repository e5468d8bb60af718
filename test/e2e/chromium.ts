/** The browser of the tests. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** The browser without windows, whose pages cost half as much to open, and the whole one. */
const PROGRAMS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"] as const;

/** The browser's program: what `PTLAB_CHROMIUM` names, or the first of these that is there. */
export const CHROMIUM = process.env.PTLAB_CHROMIUM ?? PROGRAMS.find((file) => existsSync(file)) ?? PROGRAMS[1];

/** Starts it; it keeps nothing from one start to the next. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

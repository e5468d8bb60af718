/** The browser of the tests. */
import { type Browser, chromium } from "playwright-core";

/** The browser's program. */
export const CHROMIUM = process.env.PTLAB_CHROMIUM ?? "/usr/bin/chromium";

/** Starts it; it keeps nothing from one start to the next. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

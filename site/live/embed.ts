// The script of a page that shows one figure alone, in a frame of another page.
import "./element.ts";

// A page that is always light or always dark says so in the frame's address; else the reader's system decides.
const theme = new URLSearchParams(location.search).get("theme");
if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;

// In a frame a link to the figure's place must not open inside the frame.
for (const link of document.querySelectorAll<HTMLAnchorElement>("a.ptlab-number")) link.target = "_blank";

#!/usr/bin/env node
// Adds to package-lock.json the optional platform packages that `npm install` left out because the registry in use does
// not carry them; `npm ci` refuses a lock file in which they are missing. Run it after every change of dependencies:
// `npm install && npm run lock`.
import { readFileSync, renameSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
const OS = {
  darwin: "darwin",
  linux: "linux",
  windows: "win32",
  win32: "win32",
  freebsd: "freebsd",
  android: "android",
};
const CPU = { x64: "x64", arm64: "arm64", arm: "arm", ia32: "ia32" };

/** What a platform package's name says of the machines it is for, such as `@x/cli-darwin-arm64`. */
function platform(name) {
  const words = name.split(/[/-]/);
  const os = words.map((w) => OS[w]).find(Boolean);
  const cpu = words.map((w) => CPU[w]).find(Boolean);
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }) };
}

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const added = [];
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const nested = Object.keys(lock.packages).some((p) => p.endsWith(path));
    if (nested || !/^\d/.test(version)) continue;
    lock.packages[path] = { version, optional: true, ...platform(name) };
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(`${FILE}.tmp`, `${JSON.stringify(lock, null, 2)}\n`);
renameSync(`${FILE}.tmp`, FILE);
console.log(added.length ? `added ${added.join(" ")}` : "nothing to add");

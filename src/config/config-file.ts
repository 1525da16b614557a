/** Finds and reads the configuration file: its known keys, each with its raw value. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { type Ground, isObject, type Report } from "./option-kinds";
import { KEYS } from "./option-table";
import { ENVIRONMENT, firstLine, showValue, unknownName } from "./problems";

export interface ConfigFile {
  readonly path: string;
  /** By dotted key; known keys only. */
  readonly values: ReadonlyMap<string, unknown>;
}

export function readConfigFile({ cwd, variables }: Ground, add: Report): ConfigFile {
  const named = variables.get("SEISMO_CONFIG") || undefined;
  const found = named === undefined ? findFiles(cwd) : [];
  const file = named === undefined ? found[0] : resolve(cwd, named);
  if (file === undefined) return NO_FILE;
  if (found.length > 1) {
    add({
      source: file,
      key: "",
      value: "",
      rule: `the first of several configuration files; ${found[1]} is not read`,
    });
  }
  try {
    return { path: file, values: valuesOf(parseFile(file), file, add) };
  } catch (error) {
    const rule = `expected a configuration file that can be read: ${firstLine(error)}`;
    add(
      named === undefined
        ? { source: file, key: "", value: "", rule }
        : { source: ENVIRONMENT, key: "SEISMO_CONFIG", value: showValue(named), rule },
    );
    return NO_FILE;
  }
}

const NO_FILE: ConfigFile = { path: "", values: new Map() };
const FILE_NAMES = ["yaml", "yml", "json", "js", "mjs", "cjs"].map((ending) => `seismo.config.${ending}`);
const MAX_FILE_BYTES = 1_048_576;

function findFiles(folder: string): readonly string[] {
  try {
    const names = new Set(readdirSync(folder));
    return FILE_NAMES.filter((name) => names.has(name)).map((name) => join(folder, name));
  } catch {
    return []; // a folder that cannot be listed has no configuration file to find
  }
}

/** Throws what is wrong with the file. */
function parseFile(file: string): unknown {
  const { size } = statSync(file);
  if (size > MAX_FILE_BYTES) throw new Error(`at most ${MAX_FILE_BYTES} bytes`);
  const ending = extname(file);
  if (ending === ".json") return JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
  if (ending === ".yaml" || ending === ".yml") {
    // A decoding edge: the package's own type. Loaded here, since most services have no such file.
    const yaml = require("yaml") as typeof import("yaml");
    return yaml.parse(readFileSync(file, "utf8"), { prettyErrors: true });
  }
  if ([".js", ".cjs", ".mjs"].includes(ending)) return parseModule(file);
  throw new Error(`a name that ends with .yaml, .json, .js, .mjs or .cjs, not "${ending}"`);
}

/** What the module exports, as plain data. */
function parseModule(file: string): unknown {
  const loaded: unknown = require(file);
  const content = isObject(loaded) && "default" in loaded ? loaded["default"] : loaded;
  return JSON.parse(JSON.stringify(content) ?? "null");
}

function valuesOf(content: unknown, file: string, add: Report): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  if (content === null || content === undefined) return values;
  if (!isObject(content)) throw new Error("expected sections of options");
  collect(content, "");
  return values;

  function collect(section: Record<string, unknown>, prefix: string): void {
    for (const [name, value] of Object.entries(section)) {
      const key = prefix + name;
      if (value === null || value === undefined) continue;
      if (KEYS.includes(key)) values.set(key, value);
      else if (!KEYS.some((known) => known.startsWith(`${key}.`))) add(unknownName(file, key, value, KEYS));
      else if (isObject(value)) collect(value, `${key}.`);
      else add({ source: file, key, value: showValue(value), rule: "expected a section with options" });
    }
  }
}

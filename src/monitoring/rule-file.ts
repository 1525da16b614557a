/** Reads a file of Prometheus rules: what each rule records or alerts on, and the labels that its texts speak of. */
import { parse } from "yaml";
import { isObject } from "../config/option-kinds";

export interface Rule {
  readonly kind: "record" | "alert";
  /** Of the recorded metric, or of the alert. */
  readonly name: string;
  readonly expr: string;
  /** That it adds to the result. */
  readonly labels: readonly string[];
  /** That its annotations take from the result (`$labels.service`). */
  readonly spokenOf: readonly string[];
}

/** Throws what is wrong with the file. */
export function readRules(text: string): Rule[] {
  const file: unknown = parse(text);
  if (!isObject(file) || !Array.isArray(file["groups"])) throw new Error("expected groups of rules");
  return file["groups"].flatMap((group: unknown, groupIndex) => {
    if (!isObject(group) || !Array.isArray(group["rules"])) throw new Error(`groups[${groupIndex}]: expected rules`);
    return group["rules"].map((rule: unknown, index) => readRule(rule, `groups[${groupIndex}].rules[${index}]`));
  });
}

function readRule(rule: unknown, at: string): Rule {
  const { record, alert, expr, labels, annotations } = isObject(rule) ? rule : {};
  const name = record ?? alert;
  if (typeof name !== "string") throw new Error(`${at}: expected record or alert, with a name`);
  // YAML reads an expression that is a number alone as one.
  if (typeof expr !== "string" && typeof expr !== "number") throw new Error(`${at} (${name}): expected expr`);
  const texts = [labels, annotations].flatMap((all) => (isObject(all) ? Object.values(all).map(String) : []));
  return {
    kind: record === undefined ? "alert" : "record",
    name,
    expr: String(expr),
    labels: isObject(labels) ? Object.keys(labels) : [],
    spokenOf: [...new Set(texts.flatMap((text) => [...text.matchAll(SPOKEN_OF)].map(([, label = ""]) => label)))],
  };
}

const SPOKEN_OF = /(?:\$labels|\.Labels)\.([a-zA-Z_]\w*)/g;

/** Frames as lines that can be read: `* take (Shop.Cart) lib/cart.ex:7`, with a star for the application's own. */
import { parseStack, toldErrors } from "../../../src/processors/stack";

export function calls(stack: string): readonly string[] {
  return parseStack(stack).map(({ function: name, module, file, line, column, inApp }) => {
    const position = column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
    return `${inApp ? "* " : ""}${name} (${module}) ${position}`;
  });
}

/** What counts for a group: without places. */
export function stableCalls(stack: string): readonly string[] {
  return parseStack(stack).map(({ function: name, module, inApp }) => `${inApp ? "* " : ""}${name} (${module})`);
}

export function errors(stack: string): readonly (readonly [relation: string, type: string, message: string])[] {
  return toldErrors(stack).map(({ relation, type, message }, at) => [at === 0 ? "error" : relation, type, message]);
}

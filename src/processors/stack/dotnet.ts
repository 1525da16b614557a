/**
 * Traces of .NET and Mono, in the languages that Windows speaks.
 *
 *   Shop.OutOfStock: no tea left
 *    ---> System.IO.IOException: disk                                        the cause
 *      at Shop.Disk.Read() in /srv/shop/Disk.cs:line 7                       its frames
 *      --- End of inner exception stack trace ---
 *      at Shop.Cart.<Run>d__1.MoveNext() in /srv/shop/Cart.cs:line 12        the error's own
 *   --- End of stack trace from previous location ---
 *      bei Shop.Main() in C:\shop\Main.cs:Zeile 3.
 *     at Shop.Cart`1[T].Run () [0x00079] in <12b4…>:0                        Mono
 *    ---> (Inner Exception #1) …<---                                         a member
 */
import type { StackFrame } from "../../event";
import { asMember, isBelow, isGap, keptFrames, MAX_ERRORS, type ToldError, type TraceFormat } from "./trace-format";

export const DOTNET: TraceFormat = {
  isFrame(line) {
    return readFrame(line) !== undefined;
  },

  frames(trace) {
    const { blocks } = readTrace(trace);
    return keptFrames(blocks.at(-1) ?? []).map(({ frame }) => frame);
  },

  errors(trace) {
    const { header, blocks, members } = readTrace(trace);
    const errors = chain(header, blocks);
    for (const member of members) {
      const read = readTrace(member);
      errors.push(...asMember(chain(read.header, read.blocks)));
    }
    return errors.slice(0, MAX_ERRORS);
  },
};

/** The text before the frames, the frames of each error from the innermost out, and the texts of an aggregate's members. */
interface Trace {
  readonly header: string;
  readonly blocks: readonly (readonly Call[])[];
  readonly members: readonly string[];
}

interface Call {
  readonly line: string;
  readonly frame: StackFrame;
}

const INNER_END = /^[ \t]{1,8}--- [^\n]{1,200} ---\s*$/;
const PREVIOUS_LOCATION = /^--- [^\n]{1,200} ---\s*$/;
const MEMBER = /^[ \t]{0,4}---> ?\([^()\n]{1,60}#(\d{1,6})\) ?/;

function readTrace(trace: string): Trace {
  const header: string[] = [];
  const blocks: Call[][] = [];
  let block: Call[] = [];
  const members: string[][] = [];
  /** Lines of a member, or undefined while the error itself is read. The first member was told of as the cause already. */
  let member: string[] | undefined;
  /** Lines behind frames that are none: the frames before them stood in the message, if more follow. */
  let between: string[] = [];
  for (const line of trace.split("\n")) {
    const begun = MEMBER.exec(line);
    if (begun !== null) {
      member = [line.slice(begun[0].length)];
      if (begun[1] !== "0" && members.length < MAX_ERRORS) members.push(member);
      continue;
    }
    const frame = member === undefined ? readFrame(line) : undefined;
    if (member !== undefined) {
      member.push(line.replace(/<---\s*$/, ""));
    } else if (frame !== undefined) {
      if (between.length > 0 && blocks.length === 0) {
        header.push(...block.map((call) => call.line), ...between);
        block = [];
      }
      between = [];
      block.push({ line, frame });
    } else if (INNER_END.test(line)) {
      blocks.push(block);
      block = [];
      between = [];
    } else if (block.length > 0) {
      if (!isGap(line) && !PREVIOUS_LOCATION.test(line)) between.push(line);
    } else if (blocks.length === 0) header.push(line);
  }
  return { header: header.join("\n"), blocks: [...blocks, block], members: members.map((lines) => lines.join("\n")) };
}

const TYPE = /^([\w.+`[\],]{1,256})(?: \((?:0x[\dA-Fa-f]{1,8}|-?\d{1,10})\))?(?:: |:?$|\n)/;

function chain(header: string, blocks: Trace["blocks"]): ToldError[] {
  const errors: ToldError[] = [];
  for (const part of header.split(/\n? ---> /, MAX_ERRORS)) {
    const [start = "", type] = TYPE.exec(part) ?? [];
    if (type === undefined) break;
    const message = part.slice(start.length).trimEnd();
    const frames = blocks[blocks.length - 1 - errors.length] ?? [];
    errors.push({
      relation: "cause",
      type,
      message,
      stack: [part.trimEnd(), ...frames.map(({ line }) => line)].join("\n"),
    });
  }
  return errors;
}

/** "at" in the languages of the runtime's texts. */
const AT =
  /^[ \t]{1,8}(?:at|bei|à|en|in|a|em|w|в|v|vid|ved|på|hos|konum:|在|於|場所|위치:) (?:\(wrapper [\w-]{1,40}\) )?(?=[^\s()]{1,1024} ?\()/;
/** ` in /srv/shop/Cart.cs:line 12`, ` dans C:\Cart.cs:ligne 12`, ` [0x00079] in <12b4…>:0`. */
const POSITION = /^(?: \[0x[\da-f]{1,8}\])?(?: \p{L}{1,8}:? (.{1,1024}):(?:\p{L}{1,16} )?(\d{1,9})\.?)?$/u;

function readFrame(line: string): StackFrame | undefined {
  if (line.length > MAX_FRAME_LENGTH) return undefined;
  const start = AT.exec(line)?.[0].length ?? 0;
  if (start === 0) return undefined;
  const open = line.indexOf("(", start);
  const close = closingBracket(line, open);
  const name = line.slice(start, open).trimEnd();
  const position = close < 0 ? null : POSITION.exec(line.slice(close + 1).trimEnd());
  if (position === null || (!name.includes(".") && !name.startsWith("lambda_method"))) return undefined;
  const [, file = "", lineNumber = "0"] = position;
  const { module, method } = split(name);
  const hasSource = file !== "" && !file.startsWith("<");
  return {
    function: method,
    module,
    file: hasSource ? file.replaceAll("\\", "/") : NO_FILE,
    line: hasSource ? Number(lineNumber) : 0,
    column: 0,
    inApp: !isBelow(module, LIBRARIES, ".") && !name.startsWith("lambda_method"),
  };
}

const MAX_FRAME_LENGTH = 4_096;
const NO_FILE = "<anonymous>";

function closingBracket(line: string, open: number): number {
  let depth = 0;
  for (let at = open; at < line.length; at++) {
    if (line[at] === "(") depth++;
    else if (line[at] === ")" && --depth === 0) return at;
  }
  return -1;
}

/**
 * The compiler makes methods of lambdas, local functions and async methods; they are named for the method that holds
 * them, without the numbers that it counted: `Cart.<Run>d__1.MoveNext` and `Cart.<>c.<<Run>b__0_0>d.MoveNext` are `Run`.
 */
function split(name: string): { readonly module: string; readonly method: string } {
  const made = name.indexOf(".<");
  if (made > 0) {
    const rest = name.slice(made + 1);
    const local = /g__(\w{1,256}?)\|/.exec(rest)?.[1];
    const holder = /<([^<>]{1,256})>/.exec(rest)?.[1]?.replace(/`\d{1,3}$/, "");
    const isLambda = /[>\d](?:b__|m__)/.test(rest);
    const method = local ?? (holder === undefined ? "<anonymous>" : isLambda ? `${holder}.<lambda>` : holder);
    return { module: withoutArguments(name.slice(0, made)), method };
  }
  const bare = withoutArguments(name);
  const dot = bare.endsWith(".ctor") || bare.endsWith(".cctor") ? bare.lastIndexOf("..") : bare.lastIndexOf(".");
  if (dot < 0) return { module: NO_FILE, method: bare.replace(/\d{1,9}$/, "") };
  return { module: bare.slice(0, dot), method: bare.slice(dot + 1) };
}

/** Mono names the arguments of generic types, .NET those of methods. */
function withoutArguments(name: string): string {
  return name.includes("[") ? name.replace(/\[[^[\]]{0,512}\]/g, "") : name;
}

const LIBRARIES = new Set(
  (
    "System Microsoft Mono MS Windows Internal Interop Newtonsoft Npgsql MySql MySqlConnector MongoDB StackExchange Dapper " +
    "Serilog NLog log4net Autofac AutoMapper MediatR Polly Grpc Google Amazon Azure OpenTelemetry Xunit xunit NUnit Moq " +
    "Castle RestSharp Refit FluentValidation FluentAssertions Hangfire MassTransit RabbitMQ Confluent Elasticsearch Nest " +
    "Oracle Unity UnityEngine Sentry Datadog NewRelic Swashbuckle IdentityServer4 NHibernate Quartz Akka Orleans FSharp"
  ).split(" "),
);

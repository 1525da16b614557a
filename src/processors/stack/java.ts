/**
 * Traces of the Java virtual machine (Java, Kotlin, Scala, Groovy, Clojure), and those that PHP's OpenTelemetry SDK
 * writes in their manner.
 *
 *   com.shop.Stock$OutOfStock: no tea left
 *   →at app//com.shop.Stock.take(Stock.java:12) ~[shop.jar:1.2]       → is a tab
 *   →at java.base@17.0.1/java.util.ArrayList.forEach(ArrayList.java:1511)
 *   →Suppressed: …
 *   Caused by: java.sql.SQLException: …
 *   →at …
 *   →... 3 more
 *
 * Logback can print the root first: then what follows `Wrapped by:` is further out.
 */
import type { StackFrame } from "../../event";
import { isBelow, isGap, keptFrames, MAX_ERRORS, type ToldError, type TraceFormat } from "./trace-format";

export const JAVA: TraceFormat = {
  isFrame(line) {
    return readFrame(line) !== undefined;
  },

  frames(trace) {
    const [own = ""] = parts(trace);
    return keptFrames(framesOf(own));
  },

  errors(trace) {
    const errors: ToldError[] = [];
    for (const part of parts(trace)) {
      const header = HEADER.exec(part.slice(0, MAX_TYPE_LENGTH + 2))?.[0];
      if (header === undefined) break;
      const behind = part.slice(header.length);
      const frames = behind.search(FRAMES_BEGIN);
      const message = (frames < 0 ? behind : behind.slice(0, frames)).slice(2);
      const type = header.replaceAll("$", ".");
      errors.push({ relation: "cause", type, message: message.trimEnd(), stack: part.trimEnd() });
    }
    return errors;
  },
};

const MAX_TYPE_LENGTH = 256;
const HEADER = /^[\w.$]{1,256}(?=: |:?$|\r?\n)/;
const FRAMES_BEGIN = /\n(?:\t|[ \t]{1,16}(?:at |\.\.\. \d))/;
const THREAD = /^Exception in thread "[^"\n]{0,200}" /;

/** The outermost error first. */
function parts(trace: string): readonly string[] {
  const text = trace.startsWith("Exception in thread ") ? trace.replace(THREAD, "") : trace;
  if (!text.includes("\nWrapped by: ")) return text.split("\nCaused by: ", MAX_ERRORS);
  return text.split("\nWrapped by: ").slice(-MAX_ERRORS).reverse();
}

/** A message may quote a trace: the last unbroken run of frames is the error's own, up to what was suppressed. */
function framesOf(part: string): readonly StackFrame[] {
  let run: StackFrame[] = [];
  let inRun = false;
  for (const line of part.split("\n")) {
    const frame = readFrame(line);
    if (frame !== undefined) {
      if (!inRun) run = [];
      inRun = true;
      run.push(frame);
    } else if (run.length > 0 && /^\s{1,16}Suppressed: /.test(line)) break;
    // Thread dumps tell of locks between the frames.
    else if (!isGap(line) && !/^\s{1,16}- /.test(line)) inRun = false;
  }
  return run;
}

/** Class loader and module in front, jar and version behind, are left out: they change with every release. */
const FRAME = /^\s{0,16}at (?:[\w.@-]{0,128}\/){0,2}([^\s()](?:[^()]{0,510}[^\s()])?)\(([^()]{1,256})\)/;
/** Android's compilers number what has no file. */
const NO_SOURCE = /^(?:Native Method|Unknown Source(?::\d{1,9})?|<generated>|<unknown>|SourceFile)$/;
const SOURCE = /^([^\s:()]{1,200}):(-?\d{1,9})$/;
const SOURCE_WITHOUT_LINE = /^[^\s:()]{1,200}\.(?:java|kts?|scala|groovy|cljc?|js|jsp|rb|py|php)$/;

function readFrame(line: string): StackFrame | undefined {
  const [, name = "", location = ""] = FRAME.exec(line) ?? [];
  const [, file = location, lineNumber = "0"] = SOURCE.exec(location) ?? [];
  if (name === "" || (file === location && !NO_SOURCE.test(location) && !SOURCE_WITHOUT_LINE.test(location))) {
    return undefined;
  }
  const dot = name.lastIndexOf(".");
  const isPhp = file.endsWith(".php");
  // A function of PHP needs no class; what stands alone is not from a virtual machine.
  if (dot <= 0 && !isPhp) return undefined;
  const owner = name.slice(0, Math.max(dot, 0));
  const method = name.slice(dot + 1);
  return {
    function: isPhp ? phpFunction(method) : stableMethod(method),
    module: stableClass(owner) || file.replace(/\.php$/, ""),
    file: NO_SOURCE.test(file) ? "<anonymous>" : file,
    line: Math.max(Number(lineNumber), 0),
    column: 0,
    inApp: location !== "<generated>" && !GENERATED.test(owner) && !isBelow(owner, LIBRARIES, "."),
  };
}

function phpFunction(name: string): string {
  return name.startsWith("{closure") ? "<anonymous>" : name;
}

/** Classes that are made at run time, in front of the application's own; not what Scala and Kotlin compile with two dollars. */
const GENERATED =
  /\$\$(?:Lambda|ExternalSynthetic|Enhancer|FastClass|Spring|Proxy|_)|_\$\$_|\$Proxy\d|Generated(?:Method|Constructor|Serialization\w*)Accessor\d|\$(?:MockitoMock|HibernateProxy|ByteBuddy|auxiliary)\$|_(?:ClientProxy|Subclass)$/;

/** Names without what a run or a compiler counted: `$Proxy12`, `Cart$$Lambda$14/0x…`, `Cart$$SpringCGLIB$$0`, `Cart$1`. */
function stableClass(name: string): string {
  if (!name.includes("$") && !/\d$/.test(name)) return name;
  return name
    .replace(/(?:_\$\$_|\$\$)(?=[A-Za-z]).*$|\$(?:MockitoMock|HibernateProxy|ByteBuddy)\$.*$/, "")
    .replace(/((?:\$Proxy|Generated\w{1,32}Accessor|_closure))\d{1,9}$/, "$1")
    .replace(/\$\d{1,9}(?=\$|$)/g, "")
    .replace(/\$$/, "");
}

/** `lambda$total$3`, `$anonfun$total$1`, `total$lambda-0`, `access$100`, `$r8$lambda$Zq1f…`: the numbers change when another one is added. */
function stableMethod(name: string): string {
  return name.includes("$") ? name.replace(/^(\$r8\$lambda)\$.*/, "$1").replace(/[$-]\d{1,9}(?=\$|$)/g, "") : name;
}

const LIBRARIES = new Set(
  (
    "java javax jakarta jdk sun com.sun kotlin kotlinx scala groovy groovyjarjarasm clojure android androidx dalvik " +
    "com.android com.google com.apple org.codehaus org.apache org.springframework org.hibernate org.junit junit org.testng " +
    "org.mockito org.assertj org.hamcrest org.gradle org.eclipse org.jboss org.wildfly org.glassfish org.aspectj " +
    "org.slf4j org.postgresql org.h2 org.hsqldb org.mariadb org.sqlite org.mongodb org.neo4j org.elasticsearch org.quartz " +
    "org.mybatis org.jooq org.flywaydb org.thymeleaf org.jetbrains org.reactivestreams org.bouncycastle org.xnio " +
    "com.fasterxml com.zaxxer com.mysql com.mongodb com.microsoft com.azure com.amazonaws com.oracle com.ibm com.rabbitmq " +
    "com.netflix com.datadoghq com.newrelic com.intellij com.squareup com.github.benmanes com.mchange com.hazelcast " +
    "software.amazon oracle net.bytebuddy net.sf.cglib ch.qos io.netty io.grpc io.reactivex io.vertx io.quarkus " +
    "io.micronaut io.micrometer io.opentelemetry io.opentracing io.undertow io.lettuce io.ktor io.sentry io.smallrye " +
    "io.jsonwebtoken io.dropwizard io.github.resilience4j reactor rx akka play feign retrofit2 okhttp3 okio redis.clients " +
    "liquibase brave zipkin2 datadog freemarker javassist zio cats " +
    // Of PHP, in the same manner.
    "OpenTelemetry Symfony Illuminate Laravel Doctrine GuzzleHttp Psr Monolog Twig Composer PHPUnit Slim Laminas Predis"
  ).split(" "),
);

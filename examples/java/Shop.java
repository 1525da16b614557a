import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * A shop that fails in four ways, and tells an OTLP receiver of it by OpenTelemetry's SDK.
 *
 * <pre>
 *   mvn -q dependency:copy-dependencies -DoutputDirectory=lib
 *   OTEL_SERVICE_NAME=shop OTEL_RESOURCE_ATTRIBUTES=service.instance.id=shop-1 \
 *   OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf java -cp 'lib/*' Shop.java
 * </pre>
 *
 * Where to: OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4318).
 */
public class Shop {
  static class OutOfStock extends RuntimeException {
    OutOfStock(String message) {
      super(message);
    }
  }

  private final Tracer tracer;
  private final Logger logger;

  Shop(OpenTelemetrySdk sdk) {
    tracer = sdk.getTracer("shop");
    logger = sdk.getLogsBridge().get("shop");
  }

  /** One failure, though three spans record it and the log tells of it, too. */
  void buy(String article) throws Exception {
    inSpan("POST /orders", SpanKind.SERVER, () -> {
      Span.current().setAttribute("http.request.method", "POST").setAttribute("http.route", "/orders");
      try {
        return inSpan("place order", SpanKind.INTERNAL, () -> inSpan("reserve", SpanKind.INTERNAL, () -> {
          throw new OutOfStock("no " + article + " left");
        }));
      } catch (OutOfStock error) {
        Span.current().setAttribute("http.response.status_code", 500);
        log("order failed", error);
        throw error;
      }
    });
  }

  /** An error that names another as its cause: one failure as well. */
  void pay() throws Exception {
    inSpan("pay", SpanKind.INTERNAL, () -> {
      try {
        return inSpan("charge card", SpanKind.INTERNAL, () -> {
          throw new java.net.ConnectException("Connection refused");
        });
      } catch (java.io.IOException error) {
        throw new IllegalStateException("payment is not possible", error);
      }
    });
  }

  /** Siblings that fail alike are as many failures. */
  void price(List<String> articles) throws Exception {
    inSpan("price list", SpanKind.INTERNAL, () -> {
      for (String article : articles) {
        try {
          inSpan("price", SpanKind.INTERNAL, () -> {
            throw new IllegalArgumentException("no price");
          });
        } catch (IllegalArgumentException error) {
          // the list is shown without it
        }
      }
      return null;
    });
  }

  /** Only the log tells of it. */
  void cleanUp() throws Exception {
    inSpan("clean up", SpanKind.INTERNAL, () -> {
      try {
        java.nio.file.Files.size(java.nio.file.Path.of("/nowhere/carts.db"));
      } catch (java.io.IOException error) {
        log("could not clean up", error);
      }
      return null;
    });
  }

  private <T> T inSpan(String name, SpanKind kind, Callable<T> work) throws Exception {
    Span span = tracer.spanBuilder(name).setSpanKind(kind).startSpan();
    try (Scope scope = span.makeCurrent()) {
      return work.call();
    } catch (Exception error) {
      span.recordException(error);
      span.setStatus(StatusCode.ERROR);
      throw error;
    } finally {
      span.end();
    }
  }

  private void log(String text, Throwable error) {
    logger.logRecordBuilder().setSeverity(Severity.ERROR).setBody(text).setException(error).emit();
  }

  interface Work {
    void run() throws Exception;
  }

  public static void main(String[] args) {
    OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
    Shop shop = new Shop(sdk);
    List<Work> works =
        List.of(() -> shop.buy("tea"), shop::pay, () -> shop.price(List.of("tin", "cup")), shop::cleanUp);
    for (Work work : works) {
      try {
        work.run();
      } catch (Exception error) {
        System.out.println(error);
      }
    }
    sdk.close();
  }
}

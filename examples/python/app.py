"""A shop that fails in four ways, and tells an OTLP receiver of it by OpenTelemetry's SDK.

    pip install -r requirements.txt
    OTEL_SERVICE_NAME=shop OTEL_RESOURCE_ATTRIBUTES=service.instance.id=shop-1 python app.py

Where to and how: OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4318), OTEL_EXPORTER_OTLP_COMPRESSION (gzip),
OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf, or grpc with http://localhost:4317).
"""

import logging
import os

from opentelemetry import trace
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

tracer = trace.get_tracer("shop")
logger = logging.getLogger("shop")


class OutOfStock(Exception):
    pass


def buy(article: str) -> None:
    """One failure, though three spans record it and the log tells of it, too."""
    request = {"http.request.method": "POST", "http.route": "/orders", "shop.article": article}
    with tracer.start_as_current_span("POST /orders", kind=SpanKind.SERVER, attributes=request) as span:
        try:
            with tracer.start_as_current_span("place order"):
                with tracer.start_as_current_span("reserve"):
                    raise OutOfStock(f"no {article} left")
        except OutOfStock:
            span.set_attribute("http.response.status_code", 500)
            logger.exception("order failed")
            raise


def pay() -> None:
    """An error that names another as its cause: one failure as well."""
    with tracer.start_as_current_span("pay"):
        try:
            with tracer.start_as_current_span("charge card"):
                raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise RuntimeError("payment is not possible") from error


def price(articles: list[str]) -> None:
    """Siblings that fail alike are as many failures."""
    with tracer.start_as_current_span("price list"):
        for article in articles:
            try:
                with tracer.start_as_current_span("price", attributes={"shop.article": article}):
                    raise KeyError("price")
            except KeyError:
                pass


def clean_up() -> None:
    """Only the log tells of it."""
    with tracer.start_as_current_span("clean up"):
        try:
            open("/nowhere/carts.db")
        except OSError:
            logger.exception("could not clean up")


def main() -> None:
    spans = TracerProvider()
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(spans)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.getLogger().addHandler(LoggingHandler(logger_provider=logs))

    for work in (lambda: buy("tea"), pay, lambda: price(["tin", "cup"]), clean_up):
        try:
            work()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")

    spans.shutdown()
    logs.shutdown()


if __name__ == "__main__":
    main()

// A shop that fails in three ways, and tells an OTLP receiver of it by OpenTelemetry's SDK.
//
//	OTEL_SERVICE_NAME=shop OTEL_RESOURCE_ATTRIBUTES=service.instance.id=shop-1 go run .
//
// Where to and how: OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4318), OTEL_EXPORTER_OTLP_COMPRESSION (gzip).
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

type outOfStock struct{ article string }

func (e outOfStock) Error() string { return fmt.Sprintf("no %s left", e.article) }

// One failure, though three spans record it.
func buy(ctx context.Context) error {
	request := []attribute.KeyValue{
		attribute.String("http.request.method", "POST"),
		attribute.String("http.route", "/orders"),
		attribute.Int("http.response.status_code", 500),
	}
	return inSpan(ctx, "POST /orders", func(ctx context.Context) error {
		return inSpan(ctx, "place order", func(ctx context.Context) error {
			return inSpan(ctx, "reserve", func(context.Context) error { return outOfStock{"tea"} })
		})
	}, api.WithSpanKind(api.SpanKindServer), api.WithAttributes(request...))
}

// An error that wraps another: one failure as well.
func pay(ctx context.Context) error {
	return inSpan(ctx, "pay", func(ctx context.Context) error {
		err := inSpan(ctx, "charge card", func(context.Context) error { return errors.New("connection refused") })
		return fmt.Errorf("payment is not possible: %w", err)
	})
}

// Siblings that fail alike are as many failures.
func price(ctx context.Context) error {
	return inSpan(ctx, "price list", func(ctx context.Context) error {
		for range 2 {
			_ = inSpan(ctx, "price", func(context.Context) error { return errors.New("no price") })
		}
		return nil
	})
}

func inSpan(ctx context.Context, name string, work func(context.Context) error, options ...api.SpanStartOption) error {
	ctx, span := otel.Tracer("shop").Start(ctx, name, options...)
	defer span.End()
	err := work(ctx)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, name+" failed")
	}
	return err
}

func main() {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	for _, work := range []func(context.Context) error{buy, pay, price} {
		if err := work(ctx); err != nil {
			fmt.Println(err)
		}
	}
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}

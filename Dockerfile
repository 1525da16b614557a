# syntax=docker/dockerfile:1
# The collector: docker build -t seismo .
# The sample services of docker-compose.yml: docker build --target samples .
# Debian, not Alpine: packages with compiled parts are published for glibc first. Pinned by version; whoever needs
# builds that repeat to the byte adds @sha256:… after the tag.
ARG NODE_IMAGE=node:22.22.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# What npm would publish is what the image holds: package.json tells which files.
RUN npm run build && npm pack --ignore-scripts --pack-destination /tmp && tar -xzf /tmp/seismo-*.tgz -C /tmp

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM build AS samples
RUN npx tsc -p tsconfig.test.json
ENV SEISMO_METRICS_HOST=0.0.0.0
USER node
EXPOSE 9464 9465 9466
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9466/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/build/demo/sample-services.js"]

FROM ${NODE_IMAGE} AS collector
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /tmp/package /app
# Journal, logs and the queue of what is passed on; a seismo.config.yaml may be mounted here too.
RUN install -d -o node -g node -m 0700 /data
WORKDIR /data
VOLUME /data
# Without SEISMO_TOKEN it refuses to start on these addresses, and says so.
ENV NODE_ENV=production SEISMO_HOST=0.0.0.0 SEISMO_OTLP_HOST=0.0.0.0
USER node
EXPOSE 4318 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SEISMO_PORT || 8080}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["collect"]

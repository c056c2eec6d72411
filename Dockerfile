# Three images: `webhook` answers the API server; `sidecar` is what it injects; `sidecar-db` is
# the same with the clients of databases.
#   docker build --target sidecar -t backup-webhook-sidecar:0.1.0 .
ARG BASE=debian:trixie-slim

FROM ${BASE} AS tools
# Empty means: like the machine that builds. Go compiles for any other as it is.
ARG TARGETARCH
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates golang-go
COPY tools/go.mod tools/go.sum /src/
WORKDIR /src
RUN GOARCH="$TARGETARCH" CGO_ENABLED=0 \
    go build -trimpath -ldflags '-s -w' -o /out/ tool

FROM ${BASE} AS base
# Everything is compiled below, once: on a read-only root Python could not keep what it compiles.
ENV PATH=/opt/backup/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*
LABEL org.opencontainers.image.title="backup-webhook" \
      org.opencontainers.image.description="One annotation backs up a Kubernetes volume's files" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM base AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-venv
COPY requirements /src/requirements
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/backup \
 && /opt/build/bin/pip install --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY certs /src/certs
COPY runner /src/runner
COPY webhook /src/webhook
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheels /src

FROM build AS build-sidecar
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --require-hashes -r /src/requirements/runner.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --no-deps /wheels/*.whl \
 && cd /opt/backup && rm -r lib/python3.*/site-packages/webhook lib/python3.*/site-packages/certs bin/backup-webhook \
 && python3 -m compileall -q lib

FROM build AS build-webhook
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --require-hashes -r /src/requirements/webhook.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --no-deps /wheels/*.whl \
 && cd /opt/backup && rm -r lib/python3.*/site-packages/runner bin/backup-runner bin/backup-supervise \
 && python3 -m compileall -q lib

FROM base AS sidecar
COPY --from=tools /out/restic /out/rclone /usr/bin/
COPY --from=build-sidecar /opt/backup /opt/backup
USER 65532:65532
ENTRYPOINT ["backup-supervise"]

FROM sidecar AS sidecar-db
USER 0:0
RUN apt-get update \
 && apt-get install -y --no-install-recommends mariadb-client postgresql-client redis-tools \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*
USER 65532:65532

FROM base AS webhook
COPY --from=build-webhook /opt/backup /opt/backup
USER 65532:65532
ENTRYPOINT ["backup-webhook"]
CMD ["serve"]

# Three images: `webhook` answers the API server; `sidecar` is what it injects; `sidecar-db` is
# the same with the clients of databases. `make images` builds them all, see tools/images.sh.
ARG BASE=debian:trixie-slim

# Runs as the machine that builds, whatever it builds for: Go compiles for any, and under an
# emulator that would take an hour.
FROM --platform=$BUILDPLATFORM ${BASE} AS tools
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates golang-go
COPY tools/go.mod tools/go.sum /src/
WORKDIR /src
# Empty means: like the machine that builds.
ARG TARGETARCH
# Go's caches are gigabytes: the builder keeps them, outside of every layer.
RUN --mount=type=cache,target=/root/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOARCH="$TARGETARCH" CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/ tool

FROM ${BASE} AS base
# Everything is compiled below, once: on a read-only root Python could not keep what it compiles.
ENV PATH=/opt/backup/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Copyright files and dpkg's database stay: licences ask for the ones, scanners for the other.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/cache/debconf/*-old \
           /var/log/*
LABEL org.opencontainers.image.description="One annotation backs up a Kubernetes volume's files" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM base AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-venv
COPY requirements /src/requirements
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/backup \
 && rm -r /opt/backup/bin/[Aa]ctivate* /opt/backup/include \
 && /opt/build/bin/pip install --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY certs /src/certs
COPY kube /src/kube
COPY runner /src/runner
COPY webhook /src/webhook
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheels /src

# What is compiled is never held against its source's time stamp, which copying may change.
FROM build AS build-sidecar
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --require-hashes -r /src/requirements/runner.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --no-deps /wheels/*.whl \
 && cd /opt/backup && rm -r lib/python3.*/site-packages/webhook lib/python3.*/site-packages/certs lib/python3.*/site-packages/kube bin/backup-webhook bin/kubectl-backup \
 && python3 -m compileall -q --invalidation-mode unchecked-hash lib

FROM build AS build-webhook
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --require-hashes -r /src/requirements/webhook.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-compile --no-deps /wheels/*.whl \
 && cd /opt/backup && rm -r lib/python3.*/site-packages/runner bin/backup-runner bin/backup-supervise bin/kubectl-backup \
 && python3 -m compileall -q --invalidation-mode unchecked-hash lib

FROM base AS base-sidecar
COPY --from=tools /out/restic /out/rclone /usr/bin/
ENTRYPOINT ["/opt/backup/bin/backup-supervise"]

# Our own code comes last: what a new version of it changes is less than a megabyte.
FROM base-sidecar AS base-sidecar-db
RUN apt-get update \
 && apt-get install -y --no-install-recommends mariadb-client postgresql-client redis-tools \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/cache/debconf/*-old \
           /var/log/*

FROM base-sidecar AS sidecar
COPY --from=build-sidecar /opt/backup /opt/backup
USER 65532:65532
# contract/version.py knows the version; who builds hands it on, as tools/images.sh does.
ARG VERSION
LABEL org.opencontainers.image.title="backup-webhook-sidecar" \
      org.opencontainers.image.version="$VERSION"

FROM base-sidecar-db AS sidecar-db
COPY --from=build-sidecar /opt/backup /opt/backup
USER 65532:65532
ARG VERSION
LABEL org.opencontainers.image.title="backup-webhook-sidecar-db" \
      org.opencontainers.image.version="$VERSION"

FROM base AS webhook
COPY --from=build-webhook /opt/backup /opt/backup
USER 65532:65532
ENTRYPOINT ["backup-webhook"]
CMD ["serve"]
ARG VERSION
LABEL org.opencontainers.image.title="backup-webhook" \
      org.opencontainers.image.version="$VERSION"

# Two images: `webhook` answers the API server, `sidecar` is what it injects.
#   docker build --target sidecar -t backup-webhook-sidecar:0.1.0 .
ARG BASE=debian:trixie-slim

FROM ${BASE} AS tools
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates golang-go
COPY tools/go.mod tools/go.sum /src/
WORKDIR /src
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/ github.com/restic/restic/cmd/restic

FROM ${BASE} AS base
# Modules are compiled below, once: on a read-only root Python could not keep what it compiles.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/backup/bin:/usr/bin:/bin
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tzdata \
 && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-venv
COPY requirements /src/requirements
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/backup \
 && /opt/build/bin/pip install --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY runner /src/runner
COPY webhook /src/webhook
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheels /src

FROM build AS build-sidecar
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --require-hashes -r /src/requirements/runner.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-deps /wheels/*.whl \
 && rm -r /opt/backup/lib/python3.*/site-packages/webhook \
 && python3 -m compileall -q /opt/backup/lib

FROM build AS build-webhook
RUN /opt/build/bin/pip --python /opt/backup/bin/python install --require-hashes -r /src/requirements/webhook.txt \
 && /opt/build/bin/pip --python /opt/backup/bin/python install --no-deps /wheels/*.whl \
 && rm -r /opt/backup/lib/python3.*/site-packages/runner \
 && python3 -m compileall -q /opt/backup/lib

FROM base AS sidecar
COPY --from=tools /out/restic /usr/bin/restic
COPY --from=build-sidecar /opt/backup /opt/backup
RUN python3 -m compileall -q /usr/lib/python3* || true
USER 65532:65532
ENTRYPOINT ["backup-supervise"]

FROM base AS webhook
COPY --from=build-webhook /opt/backup /opt/backup
USER 65532:65532
ENTRYPOINT ["backup-webhook"]
CMD ["serve"]

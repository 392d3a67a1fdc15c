# The image of all roles: `dho migrate`, `ingest`, `watch`, `serve`, `demo`. Built from the hashed lock; runs as an ordinary user.
FROM python:3.11-slim-bookworm AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/dho
WORKDIR /src
COPY requirements.lock ./
RUN /opt/dho/bin/pip install --require-hashes -r requirements.lock
COPY . .
RUN /opt/dho/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
# The number is that of the broker's user in its image: both read the broker's accounts.
RUN useradd --uid 1883 --create-home dho && mkdir -p /data /mosquitto/accounts && chown dho /data /mosquitto/accounts
COPY --from=built /opt/dho /opt/dho
ENV PATH=/opt/dho/bin:$PATH PYTHONUNBUFFERED=1 DHO_DATA_DIR=/data
USER dho
WORKDIR /data
EXPOSE 8000
ENTRYPOINT ["dho"]
CMD ["--help"]

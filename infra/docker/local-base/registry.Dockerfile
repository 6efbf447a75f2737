# Stands in for apicurio/apicurio-registry where no image can be pulled: the same program, from Maven.
FROM localhost/debian:bookworm-local
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
COPY --from=jdk . /opt/java
COPY --from=apicurio . /deployments
ENV PATH=/opt/java/bin:$PATH QUARKUS_HTTP_HOST=0.0.0.0 QUARKUS_MANAGEMENT_HOST=127.0.0.1
USER 1001
WORKDIR /deployments
EXPOSE 8080
CMD ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", "quarkus-run.jar"]

# Stands in for apache/kafka where no image can be pulled: the same Kafka, and as much of the image's ways as is used here.
FROM localhost/debian:bookworm-local
COPY --from=jdk . /opt/java
COPY --from=jars . /opt/kafka/libs
COPY kafka-run.sh /etc/kafka/docker/run
COPY kafka-log4j2.properties /opt/kafka/config/log4j2.properties
COPY kafka-broker-api-versions.sh /opt/kafka/bin/kafka-broker-api-versions.sh
RUN groupadd --gid 1000 appuser && useradd --uid 1000 --gid appuser --create-home appuser \
  && mkdir -p /var/lib/kafka/data && chown -R appuser:appuser /var/lib/kafka /opt/kafka/config
ENV PATH=/opt/java/bin:$PATH
USER appuser
VOLUME /var/lib/kafka/data
EXPOSE 9092
CMD ["/etc/kafka/docker/run"]

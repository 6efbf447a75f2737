#!/bin/bash
# Settings from the environment as apache/kafka reads them: KAFKA_LOG_DIRS is log.dirs, "__" is "_", "___" is "-".
set -euo pipefail
properties=/opt/kafka/config/server.properties
env | sort | while IFS='=' read -r name value; do
  case $name in
    KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_VERSION) ;;
    KAFKA_*)
      setting=$(printf '%s' "${name#KAFKA_}" | tr '[:upper:]' '[:lower:]' | sed 's/___/-/g; s/__/\x01/g; s/_/./g; s/\x01/_/g')
      printf '%s=%s\n' "$setting" "$value"
      ;;
  esac
done >"$properties"
classes='/opt/kafka/libs/*'
java -cp "$classes" kafka.tools.StorageTool format --ignore-formatted \
  -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties"
# shellcheck disable=SC2086 # several options in one variable
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties \
  -cp "$classes" kafka.Kafka "$properties"

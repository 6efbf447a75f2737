"""Produces events to Dits from JSON files: produce.py event.json ..."""
import io
import json
import os
import re
import struct
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

import fastavro
from confluent_kafka import Producer

# The defaults are those of `npm start`.
brokers = os.environ.get('KAFKA_BROKERS', '127.0.0.1:19092')
registry_url = os.environ.get('REGISTRY_URL', 'http://127.0.0.1:18081/apis/ccompat/v7').rstrip('/')
topic = os.environ.get('TOPIC_PREFIX', '') + 'dits.events'

schemas = {}


def latest_schema(event):
    """The newest schema of an event type and its id, asked for once."""
    if event not in schemas:
        # push.tag has the record PushTag; its subject is the topic's name and the record's.
        record = ''.join(word.capitalize() for word in re.split(r'[._]', event))
        url = f'{registry_url}/subjects/{topic}-io.dits.events.{record}/versions/latest'
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                sys.exit(f'{event}: no such event, or the apps have never been started ({url} answers 404)')
            raise
        schemas[event] = answer['id'], fastavro.parse_schema(json.loads(answer['schema']))
    return schemas[event]


def encode(event, fields):
    """Avro in the Confluent wire format: a zero byte, the schema's id, the value."""
    schema_id, schema = latest_schema(event)
    value = io.BytesIO()
    value.write(struct.pack('>bI', 0, schema_id))
    # Strict: a field that the schema does not have is an error, not forgotten. Only optional ones may be absent.
    fastavro.schemaless_writer(value, schema, fields, strict_allow_default=True)
    return value.getvalue()


def main(paths):
    producer = Producer({
        'bootstrap.servers': brokers,
        'acks': 'all',
        'enable.idempotence': True,
        # As the Java client and the gateway have it, so that one repository has one partition whoever produces.
        'partitioner': 'murmur2_random',
    })
    failed = []

    def report(event, event_id):
        def on_delivery(error, message):
            if error:
                failed.append(event_id)
                print(f'failed {event} {event_id}: {error}', file=sys.stderr)
            else:
                print(f'published {event} {event_id} to {message.topic()}', flush=True)
        return on_delivery

    for path in paths:
        with open(path, encoding='utf-8') as file:
            fields = json.load(file)
        event = fields.pop('event', None) or sys.exit(f'{path}: "event" must name the event')
        # Produced again with the same id, it stays one event.
        fields.setdefault('event_id', str(uuid.uuid4()))
        fields.setdefault('occurred_at', datetime.now(timezone.utc).isoformat().replace('+00:00', 'Z'))
        try:
            value = encode(event, fields)
        except (ValueError, TypeError) as error:
            sys.exit(f'{path}: not what the schema of {event} says: {error}')
        producer.produce(
            topic,
            key=str(fields['repository']['id']),
            value=value,
            timestamp=int(time.time() * 1000),
            on_delivery=report(event, fields['event_id']),
        )
        producer.poll(0)

    failed_to_leave = producer.flush(30)
    if failed or failed_to_leave:
        sys.exit(f'{len(failed) + failed_to_leave} events are not known to have arrived')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])

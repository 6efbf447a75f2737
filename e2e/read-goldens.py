"""Reads every golden with fastavro, writes it again, and prints how many values were equal both ways.

    python read-goldens.py <schemas/golden>
"""

import base64
import io
import json
import sys
from pathlib import Path

import fastavro


def plain(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


count = 0
for path in sorted(Path(sys.argv[1]).glob("v*/*/*.json")):
    golden = json.loads(path.read_text(encoding="utf-8"))
    schema = fastavro.parse_schema(golden["schema"])
    for sample in golden["values"]:
        avro = base64.b64decode(sample["avro"])
        value = fastavro.schemaless_reader(io.BytesIO(avro), schema)
        if plain(value) != sample["value"]:
            sys.exit(f"{path}: reads as {value}")
        again = io.BytesIO()
        fastavro.schemaless_writer(again, schema, value)
        if again.getvalue() != avro:
            sys.exit(f"{path}: is written as other bytes")
        count += 1
print(count)

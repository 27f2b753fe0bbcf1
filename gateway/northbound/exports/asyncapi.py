"""The AsyncAPI 3.0 description of the MQTT export, made of the very structs that are sent.

``python -m gateway.northbound.exports.asyncapi > docs/asyncapi.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import msgspec

from gateway.model import AlarmEvent
from gateway.northbound.exports.envelope import ONE, TYPE, CloudEvent
from gateway.northbound.exports.topics import ADDRESS, LEVEL

REF: Final = "#/components/schemas/{name}"


def description() -> dict[str, Any]:
    """Return the whole document."""
    _, schemas = msgspec.json.schema_components([CloudEvent, AlarmEvent], ref_template=REF)
    envelope = schemas["CloudEvent"]["properties"]
    envelope["data"] = {"$ref": REF.format(name="AlarmEvent")}
    envelope["type"] = {"const": TYPE}
    envelope["specversion"] = {"const": "1.0"}
    level = {"description": f"One level of the topic: {LEVEL.pattern}"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "hazgate alarm events",
            "version": "1.0.0",
            "description": (
                "Every transition of every alarm of a node, once or more often, in the order of "
                "its revisions. `source` and `id` tell a repeated one. Fields may be added; a "
                "reader passes over those that it does not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": ONE,
        "channels": {
            "alarms": {
                "address": ADDRESS,
                "description": "Alarms of one node.",
                "parameters": {"division": level, "node": level},
                "messages": {"alarm": {"$ref": "#/components/messages/alarm"}},
            }
        },
        "operations": {
            "sendAlarm": {
                "action": "send",
                "channel": {"$ref": "#/channels/alarms"},
                "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
            }
        },
        "components": {
            "messages": {
                "alarm": {
                    "name": TYPE,
                    "contentType": ONE,
                    "payload": {"$ref": REF.format(name="CloudEvent")},
                }
            },
            "schemas": schemas,
        },
    }


def main() -> None:
    """Write it to standard output."""
    sys.stdout.write(json.dumps(description(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

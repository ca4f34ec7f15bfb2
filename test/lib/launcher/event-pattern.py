"""Matches events with patterns of EventBridge, by moto's implementation. Reads [[pattern, event], …] as JSON, and prints [true, …]."""

import json
import sys

from moto.events.models import EventPattern

print(json.dumps([EventPattern.load(json.dumps(pattern)).matches_event(event) for pattern, event in json.load(sys.stdin)]))

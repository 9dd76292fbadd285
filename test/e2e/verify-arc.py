"""Reads {"message": text, "txt": {name: value}} on stdin; prints what dkimpy says of its ARC chain, as JSON."""
import json
import sys

import dkim

asked = json.load(sys.stdin)
records = {name.lower(): value.encode() for name, value in asked["txt"].items()}


def txt(name, timeout=5):
    return records.get(name.decode().rstrip(".").lower())


verdict, chain, reason = dkim.arc_verify(asked["message"].encode("latin-1"), dnsfunc=txt)
instances = [
    {
        "instance": each["instance"],
        "sealer": each["as-domain"].decode(),
        "sealed": each["as-valid"],
        "signed": each["ams-valid"],
        "chain": each["cv"].decode(),
    }
    for each in chain
]
print(json.dumps({"verdict": verdict.decode(), "chain": instances, "reason": reason}))

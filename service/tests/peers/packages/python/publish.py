"""Publishes with the packed client: its arguments are `threads` or `asyncio`, and { server, topic, data,
events, ...options }."""

import asyncio
import dataclasses
import json
import sys

import fanfare_client
from fanfare_client import FanfareError

given = json.loads(sys.argv[2])
name = "publish_many" if "events" in given else "publish"
try:
    if sys.argv[1] == "threads":
        answer = getattr(fanfare_client, name)(**given)
    else:
        answer = asyncio.run(getattr(fanfare_client, f"{name}_async")(**given))
    if isinstance(answer, list):
        answer = [{k: v for k, v in dataclasses.asdict(one).items() if v is not None} for one in answer]
    print(json.dumps({"published": answer}))
except FanfareError as error:
    parts = {"status": error.status, "problem": error.problem, "temporary": error.temporary}
    print(json.dumps({"failed": {"message": str(error), **parts}}))

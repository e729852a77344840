"""Publishes a form with requests: URL NAME=VALUE…; prints the status and the answer."""

import json
import sys

import requests

fields = [argument.split("=", 1) for argument in sys.argv[2:]]
answer = requests.post(sys.argv[1], data=fields, timeout=10)
print(json.dumps({"status": answer.status_code, "body": answer.text}))

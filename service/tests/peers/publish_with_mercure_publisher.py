"""Publishes with mercure-publisher, which signs a token of draft-07 itself: URL SECRET TOPIC DATA.

Prints the id, or the status of the refusal.
"""

import sys

from mercure_publisher import MercureConfig, MercurePublisher, MercurePublishError

url, secret, topic, data = sys.argv[1:]
grants = ["https://shop.example/orders/{id}"]
config = MercureConfig(hub_url=url, publisher_jwt_key=secret, publish_topics=grants)
with MercurePublisher(config) as publisher:
    try:
        print(publisher.publish(topic, data, private=True), end="")
    except MercurePublishError as refusal:
        print(refusal.status_code, end="")

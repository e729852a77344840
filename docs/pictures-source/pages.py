"""Fanfare's own pages, each with what is done on it before its picture is taken."""

import json
import urllib.parse
import urllib.request

import images
from table import SITE, Recording

# What an observer of a shop's orders might see.
ORDERS = [("orders/1042", "created", {"customer": "Ada", "items": 3, "total": 84.50}),
          ("orders/1042", "paid", {"method": "card"}),
          ("orders/1043", "created", {"customer": "Grace", "items": 1, "total": 12.00}),
          ("orders/1042", "packed", {"parcel": "JD0002"}),
          ("orders/1043", "paid", {"method": "transfer"})]


def take(picture, browser, scene, folder):
    if isinstance(picture, Recording):
        browser.open(SITE + picture.path, picture.size)
        browser.wait(picture.condition, meanwhile=scene.keep_up_load)
        images.save_moving(browser.record(picture.seconds), folder / picture.file)
        return
    browser.open(picture.site + picture.path, picture.size, picture.scale, picture.dark)
    if picture.first:
        globals()[picture.first](browser, scene)
    browser.wait(picture.condition, meanwhile=scene.keep_up_load)
    browser.run("document.activeElement?.blur()")
    images.save(browser.take(picture.whole), folder / picture.file)


def start_training(browser, _):
    browser.run("document.getElementById('start').click()")


def begin_run(browser, _):
    """The first reader is cut off when it has some words, and the second one joins meanwhile."""
    browser.run("document.getElementById('begin').click()")
    browser.wait("document.querySelectorAll('#first .word').length > 14")
    browser.run("document.querySelector('#first .cut').click()")
    browser.run("setTimeout(() => document.getElementById('join').click(), 2000)")


def use_console(browser, scene):
    """Subscribes on the page, publishes with POST requests and once on the page."""
    fill(browser, "selectors", "orders/{id}")
    browser.run("document.getElementById('subscribe').click()")
    browser.wait("document.getElementById('connection').dataset.state === 'live'")
    for topic, kind, data in ORDERS:
        publish(scene.address, topic, kind, data)
    for field, text in {"topic": "orders/1043", "type": "packed", "data": '{"parcel": "JD0003"}'}.items():
        fill(browser, field, text)
    browser.run("document.getElementById('publish').click()")
    browser.wait("document.querySelectorAll('#events li').length > 5")
    browser.run("document.querySelector('#events details').open = true")


def fill(browser, field, text):
    browser.run(f"""const field = document.getElementById('{field}');
        field.value = {json.dumps(text)};
        field.dispatchEvent(new Event('input', {{ bubbles: true }}));""")


def publish(address, topic, kind, data):
    form = urllib.parse.urlencode({"topic": topic, "type": kind, "data": json.dumps(data)}).encode()
    with urllib.request.urlopen(f"http://{address}/.well-known/mercure", form, timeout=10) as response:
        response.read()

"""The edges: the only file that knows WIT."""

import json
from decimal import Decimal

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import consumer, logging, store
from wit_world.imports.types import BrokerMessage

from telegram import Reading, Unreadable, parse

BUCKET = "meters"


class Handler(exports.Handler):
    def handle_message(self, msg: BrokerMessage) -> None:
        try:
            reading = parse(msg.body)
        except Unreadable as fault:
            # An error would ask for the same telegram again.
            logging.log(logging.Level.WARN, "meter", f'Cannot read the telegram of "{msg.subject}": {fault}')
            return
        try:
            bucket = store.open(BUCKET)
            before = bucket.get(reading.meter)
            publish(reading, None if before is None else Decimal(before.decode()))
            # Last: a telegram that comes a second time because something failed counts from the same number.
            bucket.set(reading.meter, str(reading.imported).encode())
        except Err as error:
            raise error if isinstance(error.value, str) else Err(f"Cannot use the store: {error.value}")


def publish(reading: Reading, before: Decimal | None) -> None:
    report = {
        "meter": reading.meter,
        "time": reading.time.isoformat(),
        "imported": str(reading.imported),
        "exported": str(reading.exported),
        "power": str(reading.power),
    }
    if reading.gas is not None:
        report["gas"] = str(reading.gas)
    if before is not None:
        report["used"] = str(reading.imported - before)
    consumer.publish(BrokerMessage(f"energy/{reading.meter}", json.dumps(report).encode(), None))

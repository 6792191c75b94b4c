"""python3 -m unittest: what a telegram says, without WebAssembly."""

import unittest
from datetime import timedelta
from decimal import Decimal

from telegram import Unreadable, checksum, parse

LINES = (
    "/ISK5\\2M550T-1012",
    "",
    "1-3:0.2.8(50)",
    "0-0:1.0.0(260704120000S)",
    "0-0:96.1.1(4530303437)",
    "1-0:1.8.1(001234.567*kWh)",
    "1-0:1.8.2(000100.001*kWh)",
    "1-0:2.8.1(000000.000*kWh)",
    "1-0:2.8.2(000007.500*kWh)",
    "1-0:1.7.0(00.428*kW)",
    "0-2:24.2.1(260704115500S)(00123.456*m3)",
    "!",
)


def telegram(lines=LINES) -> bytes:
    text = "\r\n".join(lines).encode()
    return text + b"%04X\r\n" % checksum(text)


class TelegramTest(unittest.TestCase):
    def test_reads_every_digit(self):
        reading = parse(telegram())
        self.assertEqual(reading.meter, "E0047")
        self.assertEqual(reading.imported, Decimal("1334.568"))
        self.assertEqual((reading.exported, reading.power, reading.gas), (Decimal("7.5"), Decimal("0.428"), Decimal("123.456")))
        self.assertEqual(reading.time.utcoffset(), timedelta(hours=2))

    def test_knows_the_checksum(self):
        self.assertEqual(checksum(b"123456789"), 0xBB3D)

    def test_refuses_what_was_damaged(self):
        for damaged in (b"", b"!", telegram().replace(b"428", b"429"), telegram(LINES[:3] + LINES[4:])):
            with self.assertRaises(Unreadable):
                parse(damaged)

    def test_does_without_gas(self):
        self.assertIsNone(parse(telegram(tuple(line for line in LINES if "24.2.1" not in line))).gas)


if __name__ == "__main__":
    unittest.main()

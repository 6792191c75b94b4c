"""The telegrams of smart meters (the port P1 of DSMR 5): text with odd numbers, hexadecimal names and a checksum.

Plain functions: nothing here knows WIT, and any Python can test it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

LINE = re.compile(r"^(\d+-\d+:\d+\.\d+\.\d+)((?:\([^()]*\))+)$")
VALUES = re.compile(r"\(([^()]*)\)")
TIME_VALUE = re.compile(r"^(?P<digits>\d{12})(?P<season>[WS])$")

METER, TIME, POWER = "0-0:96.1.1", "0-0:1.0.0", "1-0:1.7.0"
# One register for each tariff.
IMPORTED, EXPORTED = ("1-0:1.8.1", "1-0:1.8.2"), ("1-0:2.8.1", "1-0:2.8.2")
# A gas meter may be on any of four channels.
GAS = re.compile(r"^0-[1-4]:24\.2\.1$")


class Unreadable(ValueError):
    """What came is not a telegram, or was damaged on its way."""


@dataclass(frozen=True)
class Reading:
    meter: str
    time: datetime
    # Decimal: kilowatt-hours are money, and are passed on digit for digit.
    imported: Decimal
    exported: Decimal
    power: Decimal
    gas: Decimal | None


def parse(raw: bytes) -> Reading:
    """Raises: `Unreadable`"""
    lines = dict(checked(raw))
    try:
        return Reading(
            meter=bytes.fromhex(lines[METER][0]).decode("ascii"),
            time=time_of(lines[TIME][0]),
            imported=sum((number(lines[name][0], "kWh") for name in IMPORTED), Decimal()),
            exported=sum((number(lines[name][0], "kWh") for name in EXPORTED), Decimal()),
            power=number(lines[POWER][0], "kW"),
            gas=next((number(values[1], "m3") for name, values in lines.items() if GAS.match(name)), None),
        )
    except KeyError as missing:
        raise Unreadable(f"it has no line {missing}") from missing
    except (ValueError, IndexError, ArithmeticError) as fault:
        raise Unreadable(str(fault)) from fault


def checked(raw: bytes):
    """The lines between the header and the checksum, as name and values."""
    start, end = raw.find(b"/"), raw.rfind(b"!")
    if start < 0 or end < start:
        raise Unreadable("it has no beginning or no end")
    said, found = raw[end + 1 :].strip(), checksum(raw[start : end + 1])
    if said.upper() != b"%04X" % found:
        raise Unreadable(f"its checksum is {found:04X}, not {said.decode('ascii', 'replace')}")
    for line in raw[start:end].decode("ascii", "replace").splitlines():
        if match := LINE.match(line):
            yield match[1], VALUES.findall(match[2])


def checksum(data: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, bits reversed, beginning with 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def number(text: str, unit: str) -> Decimal:
    value, _, found = text.partition("*")
    if found != unit:
        raise Unreadable(f"{text} is not in {unit}")
    return Decimal(value)


def time_of(text: str) -> datetime:
    """260128171602W: local time, W in winter (UTC+1) and S in summer (UTC+2)."""
    match = TIME_VALUE.match(text)
    if match is None:
        raise Unreadable(f"{text} is no time")
    # Not strptime: it imports a module when it is first called, and a component has only what was imported when it was made.
    year, *rest = (int(match["digits"][at : at + 2]) for at in range(0, 12, 2))
    return datetime(2000 + year, *rest, tzinfo=timezone(timedelta(hours=1 if match["season"] == "W" else 2)))

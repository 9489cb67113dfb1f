"""The Apple probe on what ioreg prints; ioreg itself is replaced by a program that prints a file."""

import sys
from pathlib import Path

import pytest

from backend.telemetry.apple import AppleProbe, cards_of

LISTING = Path(__file__).parents[2] / "assets" / "ioreg_apple.plist"
PRINTS = (sys.executable, "-c", "import sys; sys.stdout.write(open(sys.argv[1]).read())")


def test_utilization_and_memory_are_known_and_the_rest_is_not() -> None:
    probe = AppleProbe((*PRINTS, str(LISTING)), "darwin")
    assert probe.open() is None
    (card,) = probe.read()
    probe.close()
    assert (card.name, card.vendor, card.uuid) == ("Apple M1 Pro (16 cores)", "apple", "apple-4294968391")
    assert (card.utilization_percent, card.memory_used_bytes) == (37.0, 1207959552)
    assert card.memory_total_bytes  # shared with the processor: that of the machine
    assert (card.temperature_c, card.power_w, card.fan_percent, card.throttle_reasons) == (None, None, None, None)


def test_a_card_with_memory_of_its_own() -> None:
    text = LISTING.read_text().replace("In use system memory<", "vramUsedBytes<")
    text = text.replace("Alloc system memory", "vramFreeBytes").replace("Device Utilization %", "GPU Activity(%)")
    (card,) = cards_of(text.encode(), 99)
    assert (card.memory_used_bytes, card.memory_total_bytes) == (1207959552, 1207959552 + 5726928896)
    assert card.utilization_percent == 37.0


def test_missing_figures_are_unknown_never_zero() -> None:
    text = LISTING.read_text().replace("Device Utilization %", "x").replace("In use system memory<", "y<")
    (card,) = cards_of(text.encode(), None)
    assert (card.utilization_percent, card.memory_used_bytes, card.memory_total_bytes) == (None, None, None)


def test_away_from_its_system_it_says_nothing() -> None:
    assert AppleProbe(platform="linux").open() == ""


@pytest.mark.parametrize("command", [("/nowhere/ioreg",), (sys.executable, "-c", "print('no list')"), ("false",)])
def test_a_registry_that_cannot_be_read_is_told_once(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    probe = AppleProbe(command, "darwin")
    assert "lists no GPU" in (probe.open() or "")
    assert probe.read() == []
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("listing", [b"", b"<plist version='1.0'><array/></plist>"])
def test_no_accelerator_is_no_card(listing: bytes) -> None:
    assert cards_of(listing, 1) == []

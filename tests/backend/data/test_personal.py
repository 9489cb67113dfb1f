"""Personal data is found and never shown."""

import pytest

from backend.data.personal import find, mask, survey
from backend.data.profile import find_problems, language


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe@example.org today", "email"),
        ("card 4111 1111 1111 1111 is refused", "card"),
        ("call +49 30 1234 5678", "phone"),
        ("打13812345678", "phone"),
        ("身份证11010519491231002X", "china_id"),
        ("host 192.168.10.254", "ip_address"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("ssn 123-45-6789", "us_ssn"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert kind in [name for name, _ in find(text)]


@pytest.mark.parametrize("text", ["version 3.11.7", "4111 1111 1111 1112", "1998", "999.999.999.999", "a@b", "42"])
def test_what_is_not(text: str) -> None:
    assert not {"card", "email", "ip_address"} & {name for name, _ in find(text)}


def test_samples_are_masked() -> None:
    found = survey(["mail jane.doe@example.org", "nothing"])
    assert (found.rows, found.counts["email"]) == (1, 1)
    assert found.samples["email"] == ["j•••.d••@e••••••.o••"]
    assert mask("13812345678") == "1••••••••••"
    texts = ["same mail jane.doe@example.org", "same mail jane.doe@example.org", "x"]
    shown = [item for problem in find_problems(texts, ["a", "b", "a"]) for item in problem.sample]
    assert shown
    assert not any("jane" in item for item in shown)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the film was good and it is", "en"),
        ("der Film ist nicht gut", "de"),
        ("很好的酒店", "zh"),
        ("とても良い", "ja"),
        ("хорошо", "ru"),
        ("42", "und"),
    ],
)
def test_languages(text: str, name: str) -> None:
    assert language(text) == name

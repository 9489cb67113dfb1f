"""What limits an endpoint is made with: those asked for, else those of the settings."""

import pytest
from pydantic import ValidationError

from backend.contract.resources import BackendSettings, CreateEndpoint
from backend.services.endpoint_job import LIMITS, limits_of
from backend.worker.serving.limits import Limits, read_limits

KEPT = BackendSettings(endpoint_max_batch=8, endpoint_queue=9, endpoint_slo_p99_ms=40, endpoint_load_timeout_s=60)


def asked(**fields: object) -> CreateEndpoint:
    return CreateEndpoint.model_validate({"name": "front", "model": "tiny", **fields})


def test_the_settings_hold_where_nothing_is_asked_for() -> None:
    limits = limits_of(asked(queue=5), KEPT)
    assert limits == {"max_batch": 8, "max_wait_ms": 2.0, "queue": 5, "slo_p99_ms": 40.0, "load_timeout_s": 60.0}


def test_a_latency_limit_can_be_none_although_the_settings_have_one() -> None:
    assert limits_of(asked(slo_p99_ms=None), KEPT)["slo_p99_ms"] is None
    assert limits_of(asked(), BackendSettings())["slo_p99_ms"] is None


def test_the_gateway_reads_every_one_of_them_and_agrees_about_what_holds_unsaid() -> None:
    assert read_limits({"limits": limits_of(asked(), BackendSettings())}) == Limits()
    assert set(LIMITS) <= set(Limits.model_fields)


def test_settings_take_what_an_endpoint_takes() -> None:
    with pytest.raises(ValidationError):
        BackendSettings(endpoint_max_batch=0)
    with pytest.raises(ValidationError):
        asked(load_timeout_s=1)

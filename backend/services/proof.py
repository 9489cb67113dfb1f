"""Proves a switch: the endpoint is asked as anybody would ask it."""

from pathlib import Path

from backend.contract.errors import Refused
from backend.contract.resources import EndpointRecord, VersionRecord
from backend.data.agreement import first_difference
from backend.jobs.folder import read_json
from backend.services import gateway_client

PROOF_TOLERANCE = 5e-3
"""A real answer is batched with others' requests; the strict comparison was made before the switch."""


def prove(endpoint: EndpointRecord, version: VersionRecord) -> None:
    """The answer must come from this version and be the golden one.

    Raises Refused with what was answered instead, Unavailable when nothing was.
    """
    golden = read_json(Path(version.path) / "golden.json")
    text, expected = golden["inputs"][0], golden["outputs"][0]
    answer = gateway_client.ask(endpoint, "/predict", {"inputs": [text], "truncate": True})
    if answer.get("version") != version.version or answer.get("model") != version.model:
        raise Refused(f"After the switch version {answer.get('version')} answered instead of {version.version}.")
    found = answer["predictions"][0]
    if "scores" not in expected:
        difference = first_difference({**expected, "truncated": found.get("truncated")}, found, PROOF_TOLERANCE)
        if difference:
            raise Refused(f"After the switch version {version.version} answered otherwise: {difference}.")
        return
    if abs(found["scores"][expected["label"]] - expected["score"]) > PROOF_TOLERANCE:
        raise Refused(
            f"After the switch version {version.version} answered {found['label']} {found['score']:.4f} to a golden "
            f"input, expected {expected['label']} {expected['score']:.4f}."
        )

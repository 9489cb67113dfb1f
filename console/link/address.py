"""Where the daemon of a home listens: a Unix socket, or loopback TCP with a token."""

import hashlib
import hmac
import json
from dataclasses import dataclass

from backend.paths import Home


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach the daemon; socket is None for TCP."""

    base: str
    socket: str | None
    token: str | None
    listen: str = ""

    def proves(self, challenge: str, proof: object) -> bool:
        """Whether `proof` could only come from the holder of the token at this very address (RELIABILITY T6)."""
        if self.token is None:
            return True
        expected = hmac.new(self.token.encode(), f"{self.listen}|{challenge}".encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, str(proof))

    def url(self, path: str) -> str:
        """The full address of a path that starts with a slash."""
        return f"{self.base}{path}"


def find_address(home: Home) -> Address:
    """Read backend.json; without one, the socket that a daemon of this home would open."""
    unix = Address("unix+http://localhost", str(home.socket), None)
    try:
        said = json.loads(home.endpoint_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return unix
    listen = said.get("listen", "") if isinstance(said, dict) else ""
    if isinstance(listen, str) and listen.startswith("tcp:"):
        port = listen.rsplit(":", 1)[1]
        return Address(f"http://127.0.0.1:{port}", None, said.get("token"), listen)
    return unix

"""Who may ask an endpoint: exact host, no browser, the key, JSON only. Decided from the head, before a body is read."""

import hmac
import time
from collections import deque

from backend.worker.serving.http import Request

OPEN = frozenset({"/healthz", "/readyz"})
"""Addresses that need no key: they say yes or no, nothing else."""

ROUTES: dict[str, str] = {
    "/healthz": "GET",
    "/readyz": "GET",
    "/metrics": "GET",
    "/predict": "POST",
    "/explain": "POST",
}

BROWSER_HEADERS = ("origin", "sec-fetch-site", "sec-fetch-mode")


class Refusal(Exception):
    """This request goes no further; delay_s slows down who guesses keys."""

    def __init__(self, status: int, code: str, text: str, delay_s: float = 0.0) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.delay_s = status, code, text, delay_s


class Guard:
    """The checks of one endpoint, in this order: host, browser, route, key, content type."""

    def __init__(self, key: str, port: int) -> None:
        self._key = key.encode()
        self.port = port
        self._throttle = Throttle()

    def check(self, request: Request) -> None:
        """Raises Refusal."""
        hosts = (f"127.0.0.1:{self.port}", f"[::1]:{self.port}", f"localhost:{self.port}")
        if request.header("host") not in hosts:
            raise Refusal(421, "wrong_host", f"This endpoint answers to Host {hosts[0]} only.")
        if any(name in request.headers for name in BROWSER_HEADERS):
            raise Refusal(403, "browser", "Requests from web pages (Origin, Sec-Fetch-Site) are refused.")
        if request.path not in OPEN:
            self._check_key(request)
        wanted = ROUTES.get(request.path)
        if wanted is None:
            raise Refusal(404, "not_found", f"No such address; this endpoint has {', '.join(ROUTES)}.")
        if request.method not in ((wanted, "HEAD") if wanted == "GET" else (wanted,)):
            raise Refusal(405, "method", f"Use {wanted} for {request.path}.")
        if wanted == "POST":
            self._check_content(request)

    def _check_key(self, request: Request) -> None:
        scheme, _, given = (request.header("authorization") or "").partition(" ")
        # Compared even when the scheme is wrong, and in constant time: how long it takes tells nothing.
        same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._key)
        if not (same and scheme.lower() == "bearer"):
            raise Refusal(
                401, "key", "Send the key of this endpoint: Authorization: Bearer KEY.", self._throttle.price()
            )

    @staticmethod
    def _check_content(request: Request) -> None:
        kind = (request.header("content-type") or "").split(";", 1)[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, "content_type", "Send application/json.")
        if (request.header("content-encoding") or "identity").lower() != "identity":
            raise Refusal(415, "content_encoding", "Send the body uncompressed.")


class Throttle:
    """Ten wrong keys a second are free, the next ones wait a second each; a crowd beyond that is not worth a held
    connection."""

    def __init__(self, free_per_s: float = 10.0, delay_s: float = 1.0, most_waiting: int = 64) -> None:
        self._free_per_s, self._delay_s, self._most_waiting = free_per_s, delay_s, most_waiting
        self._left = free_per_s
        self._at = time.monotonic()
        self._held: deque[float] = deque()

    def price(self) -> float:
        """Seconds that the answer to this wrong key is held back."""
        now = time.monotonic()
        self._left = min(self._free_per_s, self._left + (now - self._at) * self._free_per_s)
        self._at = now
        while self._held and self._held[0] <= now:
            self._held.popleft()
        if self._left >= 1 or len(self._held) >= self._most_waiting:
            self._left = max(self._left - 1, 0.0)
            return 0.0
        self._held.append(now + self._delay_s)
        return self._delay_s

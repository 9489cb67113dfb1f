"""Tells one address of the user's choice about alerts: off by default, and nothing but that address.

The address is https, or http on this machine. Its name is resolved once; a private or link-local address is refused,
this machine only when the address itself says so. Nothing is redirected, what comes back is read up to a limit, and the
whole takes no longer than a deadline. What could not be delivered waits in the store, each time longer, for a day.

Delivery is at least once, with the same id: a daemon that dies between the answer and the note of it tells the alert
again. The id is the alert's, stands in the header Idempotency-Key and in the body, and stays the same over all tries;
each try is noted before anything is sent and says in X-Modeldeck-Attempt which one it is. A receiver that keeps the ids
it has seen acts once. A delivery whose answer was noted is never sent again.
"""

import http.client
import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from backend.clock import Clock
from backend.contract.errors import Invalid
from backend.contract.resources import AlertRecord, BackendSettings
from backend.failpoints import failpoint
from backend.services.quiet import is_quiet
from backend.store import Store
from backend.store.settings import OutboxItem

log = logging.getLogger(__name__)

DEADLINE_S = 8.0
MOST_BYTES_BACK = 64 * 1024
MOST_TEXT = 4000
GIVE_UP_S = 86_400.0
POLL_S = 5.0
LEVELS = ("info", "warn", "bad")
FIX = "Give an https:// address, or http:// with 127.0.0.1, [::1] or localhost."


class NotDelivered(Exception):
    """Why, in one sentence; `final` when trying again cannot help."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


class Address(NamedTuple):
    """Where to post."""

    secure: bool
    host: str
    port: int
    path: str
    local: bool


def address_of(url: str) -> Address:
    """The parts of an allowed address; Invalid says what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(f"The webhook address is no address: {error}.", field="webhook_url", fix=FIX) from error
    local = _is_local(host)
    if not host or parts.username is not None or parts.fragment or any(ord(c) <= 32 or ord(c) > 126 for c in url):
        raise Invalid("The webhook address is not a plain web address.", field="webhook_url", fix=FIX)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise Invalid("The webhook address must be https.", field="webhook_url", fix=FIX)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(secure, host, port or (443 if secure else 80), path, local)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(address: Address) -> str:
    """The one IP address that will be spoken to; NotDelivered when the name is unknown or leads into a private net."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotDelivered(f"The name {address.host} is not known: {error}.") from error
    numbers = [str(entry[4][0]) for entry in found]
    for number in numbers:  # every one: a name with a public and a private address is a trick
        ip = ipaddress.ip_address(number.partition("%")[0])
        if not (ip.is_loopback if address.local else ip.is_global and not ip.is_multicast):
            raise NotDelivered(f"{address.host} leads to {number}, which is not on the internet. Nothing was sent.")
    return numbers[0]


def post(url: str, body: dict[str, Any], key: str, deadline_s: float = DEADLINE_S, attempt: int = 1) -> None:
    """Deliver; NotDelivered unless the answer is 2xx. `key` is the same for every try of one delivery."""
    address = address_of(url)
    number, ends = resolve(address), time.monotonic() + deadline_s
    connection = _Pinned(address, number, deadline_s)
    watchdog = threading.Timer(deadline_s, connection.abort)  # one slow byte after the other must not go on for ever
    watchdog.daemon = True
    watchdog.start()
    headers = {
        "Content-Type": "application/json", "User-Agent": "modeldeck", "Idempotency-Key": key,
        "X-Modeldeck-Attempt": str(attempt),
    }  # fmt: skip
    try:
        connection.request("POST", address.path, json.dumps(body).encode(), headers)
        reply = connection.getresponse()
        reply.read(MOST_BYTES_BACK)
        status = reply.status
    except (OSError, http.client.HTTPException) as error:
        slow = time.monotonic() >= ends
        why = f"no answer within {deadline_s:.0f} s" if slow else str(error) or type(error).__name__
        raise NotDelivered(f"{address.host} could not be told: {why}.") from error
    finally:
        watchdog.cancel()
        connection.close()
    if 300 <= status < 400:
        raise NotDelivered(f"{address.host} answered {status}: redirects are not followed.", final=True)
    if not 200 <= status < 300:
        final = 400 <= status < 500 and status not in (408, 425, 429)
        raise NotDelivered(f"{address.host} answered {status}.", final=final)


class _Pinned(http.client.HTTPConnection):
    """A connection to the number that was checked; the name stays in Host and in the check of the certificate."""

    def __init__(self, address: Address, number: str, timeout: float) -> None:
        super().__init__(address.host, address.port, timeout=timeout)
        self._number, self._secure = number, address.secure

    def connect(self) -> None:
        self.sock = socket.create_connection((self._number, self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def abort(self) -> None:
        """From the watchdog: whoever waits for this connection gets an error."""
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


# ---- alerts ----------------------------------------------------------------------------------------------------------


def note_alert(store: Store, alert: AlertRecord) -> None:
    """Put a new alert into the queue, in the transaction that opens it, when the settings want it told."""
    settings = store.settings.get()
    if wants(settings, alert.severity) and not is_quiet(settings, store.clock.now()):
        store.webhooks.add("alert", alert.id, {"alert": alert.model_dump(mode="json")})


def wants(settings: BackendSettings, severity: str) -> bool:
    """Whether an alert of this severity is told."""
    if not settings.webhook_url or severity not in LEVELS:
        return False
    return LEVELS.index(severity) >= LEVELS.index(settings.webhook_severity)


def message(alert: AlertRecord) -> dict[str, Any]:
    """What is told: no data of requests, only what the inbox shows."""
    return {
        "source": "modeldeck", "id": alert.id, "severity": str(alert.severity), "kind": alert.kind,
        "title": alert.title[:MOST_TEXT], "text": alert.text[:MOST_TEXT], "opened_at": alert.opened_at,
        "endpoint": alert.endpoint, "run_id": alert.run_id,
    }  # fmt: skip


class WebhookService:
    """run() belongs to one thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def run(self, stop: threading.Event) -> None:
        """Deliver what is due until `stop` is set."""
        while not stop.wait(POLL_S):
            try:
                self.deliver(stop)
            except Exception:  # the edge of a thread: a full disk must not end it
                log.exception("the queue of the webhook could not be worked on")

    def deliver(self, stop: threading.Event | None = None) -> int:
        """One pass over what is due; returns how many arrived."""
        arrived = 0
        for item in self._store.webhooks.take(20):
            url = self._store.settings.get().webhook_url
            if stop is not None and stop.is_set():
                break
            if not url:  # switched off meanwhile: nothing may leave
                self._store.webhooks.done(item.id)
                continue
            arrived += self._send(url, item)
        return arrived

    def _send(self, url: str, item: OutboxItem) -> bool:
        alert = AlertRecord.model_validate(item.body["alert"])
        attempt = self._store.webhooks.begin(item.id)
        try:
            failpoint("webhook.before_send")
            post(url, message(alert), item.key, attempt=attempt)
            failpoint("webhook.answered")
        except (NotDelivered, Invalid) as error:
            final = isinstance(error, Invalid) or error.final
            if final or self._clock.now() - item.created_at > GIVE_UP_S:
                log.warning("webhook: given up on %s: %s", item.key, error)
                self._store.webhooks.done(item.id)
            else:
                self._store.webhooks.note_error(item.id, str(error))
            return False
        self._store.webhooks.done(item.id)
        failpoint("webhook.sent")
        return True

"""One request to an OpenML server: polite, patient, and with one error where there is no answer.

Lists are read straight, as JSON: the ``openml`` client parses XML into a dictionary a row, which takes longer than the
server takes to answer. Address and API key are the client's own.
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from metalearn.core.parallel import interleaved
from metalearn.errors import AbsentError, InputError, SourceError
from metalearn.sources.openml_calls import ABSENT, BUSY, LONGEST_PAUSE_SECONDS, api_key, refusal, silence

if TYPE_CHECKING:
    from tenacity import RetryCallState

Item = TypeVar("Item")
Answer = TypeVar("Answer")
log = logging.getLogger(__name__)

_NO_KEY, _WRONG_KEY = 102, 103
# A list has nothing (from this offset on): datasets, tasks, flows, runs, evaluations, studies, setups.
_EMPTY = frozenset({372, 482, 500, 512, 542, 599, 674})
# So many failures in a row, over all connections, are the server's trouble and not one request's.
_FAILURES_UNTIL_BREAK = 10
_BREAK_PAUSES = 30.0
_REMOTE_REQUESTS_PER_SECOND = 10.0
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class _PassingError(Exception):
    """A failure that may pass, with what the server says about when to come back."""

    def __init__(self, reason: str, retry_after: float = 0.0, *, overload: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.overload = overload


class _WithKey(httpx.HTTPTransport):
    """Adds the API key where a request leaves, so that no log of requests and no message holds it."""

    def __init__(self, key: str, host: str, limits: httpx.Limits) -> None:
        super().__init__(limits=limits)
        self._key, self._host = key, host

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._key or request.url.host != self._host:
            return super().handle_request(request)
        url = request.url.copy_add_param("api_key", self._key)
        return super().handle_request(
            httpx.Request(request.method, url, headers=request.headers, extensions=request.extensions)
        )


class OpenMLServer:
    """An OpenML server, asked over several connections at once; a context manager.

    ``url`` is that of an API such as ``https://www.openml.org/api/v1/xml``, by default the one that the ``openml``
    client is configured for. No more than ``rate`` requests are sent a second (default: 10; as many as come to a
    server on this machine). A request is tried ``attempts`` times, with pauses that double from ``pause_seconds``, with
    jitter, and are never shorter than the server's Retry-After; an attempt that hears nothing for
    ``timeout_seconds`` has failed. After ten failures in a row all requests pause for thirty times ``pause_seconds``,
    and the log says so.

    Raises:
        InputError: when the URL is not that of an API.

    >>> with OpenMLServer("http://localhost:8080/api/v1/xml") as server:
    ...     server.requests
    0
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        connections: int = 4,
        rate: float | None = None,
        attempts: int = 5,
        pause_seconds: float = 1.0,
        timeout_seconds: float = 120.0,
    ) -> None:
        import pybreaker
        from openml import config

        self.url = (url or config.server).rstrip("/")
        if not re.fullmatch(r"https?://.+/(xml|json)", self.url):
            raise InputError(f"The server is the URL of an API, such as {config.server}; got {self.url}.")
        self._json_url = re.sub("xml$", "json", self.url)
        self.requests = 0
        self.connections = connections
        self._pool = ThreadPoolExecutor(connections)
        self._closing = threading.Event()
        self._attempts, self._pause = attempts, pause_seconds
        host = httpx.URL(self.url).host
        self._wait_turn = _limiter(rate, host)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        timeout = httpx.Timeout(timeout_seconds, connect=min(30.0, timeout_seconds), pool=None)
        transport = _WithKey(api_key(), host, limits)
        self._client = httpx.Client(transport=transport, timeout=timeout, follow_redirects=True)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=_FAILURES_UNTIL_BREAK,
            reset_timeout=_BREAK_PAUSES * pause_seconds,
            exclude=[SourceError],
            throw_new_error_on_trip=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()  # ends the pauses of requests that are still being tried
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def map(self, ask: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """Yield ``ask(item)`` in the items' order, over all connections."""
        return self._pool.map(ask, items)

    def interleaved(self, readers: Iterable[Iterator[Item]], *, at_once: int | None = None) -> Iterator[Item]:
        """Yield what readers that use this server yield, as it comes: as many ``at_once`` as there are connections."""
        return interleaved(self._pool, at_once or self.connections, readers)

    def get(self, path: str | Callable[[], str], what: str, overloaded: Callable[[], None] = lambda: None) -> Any:
        """Return the JSON answer to a path below the API, None where a list is empty; ``what`` names it in errors.

        A path that is a function is asked for anew at each attempt, and ``overloaded`` is called after each that the
        server could not bear (5xx, no answer in time), so that a caller can ask for less.

        Raises:
            AbsentError: when the server says that there is no such thing.
            SourceError: when no attempt was answered, or the server refuses.
        """
        from pybreaker import CircuitBreakerError
        from tenacity import Retrying, retry_if_exception_type, sleep_using_event
        from tenacity.stop import stop_after_attempt, stop_when_event_set

        retrying = Retrying(
            sleep=sleep_using_event(self._closing),
            stop=stop_after_attempt(self._attempts) | stop_when_event_set(self._closing),
            wait=self._pause_before_next,
            retry=retry_if_exception_type((_PassingError, CircuitBreakerError)),
            before=lambda _: self._wait_for_server(),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    try:
                        return self._ask(path if isinstance(path, str) else path())
                    except _PassingError as error:
                        if error.overload:
                            overloaded()
                        raise
        except (_PassingError, CircuitBreakerError) as error:
            raise SourceError(silence(self.url, what, error)) from None
        except SourceError as error:
            raise type(error)(refusal(what, error)) from None

    def _ask(self, path: str) -> Any:
        self._wait_turn()
        self.requests += 1
        with self._breaker.calling():
            try:
                # Streamed, because a response holds itself: what it keeps waits for the garbage collector.
                with self._client.stream("GET", f"{self._json_url}/{path}") as response:
                    content = b"".join(response.iter_bytes())
            except httpx.TimeoutException:
                raise _PassingError("no answer in time", overload=True) from None
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _PassingError(f"the connection failed, {type(error).__name__}") from None
            return _answer(response, content)

    def _pause_before_next(self, state: "RetryCallState") -> float:
        from tenacity import wait_exponential, wait_random

        error = state.outcome.exception() if state.outcome else None
        doubling = wait_exponential(multiplier=self._pause, max=LONGEST_PAUSE_SECONDS) + wait_random(0, self._pause)
        return max(doubling(state), getattr(error, "retry_after", 0.0))

    def _wait_for_server(self) -> None:
        """Wait while the circuit is broken."""
        if self._breaker.current_state == "open":
            pause = _BREAK_PAUSES * self._pause
            log.warning("OpenML fails again and again; all requests pause for %g seconds", pause)
            self._closing.wait(pause)


def _limiter(rate: float | None, host: str) -> Callable[[], object]:
    """Return what waits until the next request may be sent."""
    from pyrate_limiter import Duration, Limiter, Rate

    if rate is None and host in _LOCAL:
        return lambda: None
    allowed = rate or _REMOTE_REQUESTS_PER_SECOND
    # Whole numbers of requests: below one a second the second is stretched.
    count = max(1, round(allowed))
    limiter = Limiter(Rate(count, max(1, round(Duration.SECOND * count / allowed))))
    return lambda: limiter.try_acquire("openml")


def _answer(response: httpx.Response, body: bytes) -> Any:
    """Return what a response holds, None for an empty list."""
    status = response.status_code
    content = _decoded(body)
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict):
        return _refused(int(error.get("code") or 0), str(error.get("message") or ""))
    if status >= 400:
        raise _PassingError(f"HTTP status {status}", _retry_after(response), overload=status >= 500)
    if not isinstance(content, dict):
        raise _PassingError("the answer is not OpenML's JSON")
    return content


def _decoded(content: bytes) -> Any:
    """Return JSON as Python has it, None where it is none; the server may write NaN, which orjson refuses."""
    import orjson

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(content)
        except ValueError:
            return None


def _refused(code: int, message: str) -> None:
    """Return for an empty list; everything else that the API itself says is an error."""
    if code == BUSY:
        raise _PassingError("its database is busy")
    if code in (_NO_KEY, _WRONG_KEY):
        raise SourceError(f"its error {code}, {message}: set the API key in openml.config.apikey or OPENML_API_KEY")
    if code in ABSENT:
        raise AbsentError(f"its error {code}, {message}")
    if code not in _EMPTY:
        raise SourceError(f"its error {code}, {message}")


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds that Retry-After asks for; a date or nonsense counts as none."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE_SECONDS) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def list_items(content: Any, root: str, item: str) -> list[dict[str, Any]]:
    """Return the items of a list's answer; the server's JSON gives a single one without brackets.

    >>> list_items({"flows": {"flow": {"id": "1"}}}, "flows", "flow"), list_items(None, "flows", "flow")
    ([{'id': '1'}], [])
    """
    found = (content or {}).get(root) or {}
    return several(found.get(item) if isinstance(found, dict) else None)


def several(value: Any) -> list[Any]:
    """Return a list that the server may give as a list, as its single member, or as nothing.

    >>> several("1"), several(["1", "2"]), several(None)
    (['1'], ['1', '2'], [])
    """
    return value if isinstance(value, list) else [] if value is None else [value]


def text_of(value: Any) -> str:
    """Return a text that the server's JSON gives as an empty list where it is empty.

    >>> text_of("sklearn"), text_of([]), text_of(None)
    ('sklearn', '', '')
    """
    return value if isinstance(value, str) else "" if value is None or value == [] else json.dumps(value)

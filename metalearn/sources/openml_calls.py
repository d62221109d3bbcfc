"""One call of the ``openml`` client: configured, silent, retried, and with one error where there is no answer.

The client retries some failures, misses others (well-formed error pages, cut XML, a connection that hangs) and keeps
broken answers in its cache. Here its own retries are switched off, and one policy covers all of them. Its
configuration is global: it is set for the duration of each call and restored.
"""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from xml.parsers import expat

from metalearn.errors import AbsentError, InputError, SourceError

if TYPE_CHECKING:
    from concurrent.futures import Future

Answer = TypeVar("Answer")

BUSY = 107
# The server knows no such dataset, task, flow, setup, run or study, keeps it from us, or has no file, features or
# qualities of a dataset (yet).
ABSENT = frozenset({111, 112, 113, 151, 181, 236, 271, 272, 273, 274, 281, 361, 362, 363, 364, 601})
LONGEST_PAUSE_SECONDS = 60.0


class DamagedError(SourceError):
    """What came is not what the server describes: asked again, it may come whole. Says how, without a full stop."""


@dataclass(frozen=True)
class OpenMLCalls:
    """How one OpenML server is called, by default the one that the ``openml`` client is configured for.

    A call is tried ``attempts`` times, with pauses that double from ``pause_seconds``; an attempt that takes longer
    than ``timeout_seconds`` has failed. ``cache`` is the root of the client's cache, by default its own.
    """

    server: str | None = None
    cache: Path | None = None
    attempts: int = 5
    pause_seconds: float = 1.0
    timeout_seconds: float = 300.0

    def ask(self, what: str, answer: Callable[[], Answer]) -> Answer:
        """Return ``answer()``, which uses the client; ``what`` names it in errors.

        Raises:
            AbsentError: when the server says that there is no such thing, or that it is not for us.
            SourceError: when no attempt was answered.
            InputError: when ``answer`` finds what it was given unusable.

        >>> OpenMLCalls().ask("the answer", lambda: 42)
        42
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.pause_seconds, max=LONGEST_PAUSE_SECONDS),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            answered: Answer = retrying(self._attempt, answer)
        except InputError:
            raise
        except Exception as error:
            # Not "from error": the client's messages quote URLs, and these hold the user's API key.
            if _is_absent(error):
                raise AbsentError(refusal(what, _reason(error))) from None
            raise SourceError(silence(self._address(), what, _reason(error))) from None
        return answered

    def _attempt(self, answer: Callable[[], Answer]) -> Answer:
        import openml
        from pebble import concurrent

        with _configured(self.server, self.cache):
            try:
                future: Future[Answer] = concurrent.thread(answer)()  # a connection that hangs cannot be cut otherwise
                return future.result(self.timeout_seconds)
            except expat.ExpatError:
                _forget_broken_answers(Path(openml.config.get_cache_directory()))
                raise

    def _address(self) -> str:
        import openml

        return self.server or str(openml.config.server)


def refusal(what: str, reason: object) -> str:
    """Say that a server refuses."""
    return f"The OpenML server does not give {what}: {reason}."


def silence(address: str, what: str, reason: object) -> str:
    """Say that a server gave no answer, and what to do."""
    advice = "check the address and the connection, then run it again: what is stored stays"
    return f"The OpenML server at {address} did not give {what} ({reason}); {advice}."


def api_key() -> str:
    """Return the API key: that of the client's configuration, else of the environment, else none."""
    from openml import config

    return str(config.apikey or os.environ.get("OPENML_API_KEY", ""))


@contextmanager
def _configured(server: str | None, cache: Path | None) -> Iterator[None]:
    """Point the client at a server and a cache, without retries, warnings and log lines of its own."""
    from openml import config

    before, address, key = config.get_config_as_dict(), config.server, config.apikey
    config.apikey = api_key()
    if server is not None:
        config.server = server.rstrip("/") + "/"
    if cache is not None:
        config.set_root_cache_directory(cache)
    config.set_retry_policy("human", 1)
    try:
        with _silence():
            yield
    finally:
        config.server, config.apikey = address, key
        config.set_root_cache_directory(before["cachedir"])
        config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the client from setting up the root logger, and urllib3 from logging URLs, which hold the API key."""
    root, urllib3, nothing = logging.getLogger(), logging.getLogger("urllib3"), logging.NullHandler()
    level = urllib3.level
    root.addHandler(nothing)
    urllib3.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        urllib3.setLevel(level)
        root.removeHandler(nothing)


def _forget_broken_answers(cache: Path) -> None:
    """Delete cached answers that are not XML: the client would read them again and again."""
    for path in cache.rglob("*.xml"):
        try:
            expat.ParserCreate().Parse(path.read_bytes(), True)
        except expat.ExpatError:
            path.unlink(missing_ok=True)


def _may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    import requests
    from minio.error import MinioException
    from openml.exceptions import OpenMLHashException, OpenMLNotAuthorizedError, OpenMLServerError
    from openml.exceptions import OpenMLServerException as ServerAnswer
    from urllib3.exceptions import HTTPError

    if isinstance(error, ServerAnswer):
        return bool(error.code == BUSY)
    if isinstance(error, KeyError):  # a well-formed page that is not OpenML's
        return "oml:" in str(error)
    connection = (requests.RequestException, HTTPError, MinioException, TimeoutError)
    damaged = (OpenMLServerError, OpenMLHashException, expat.ExpatError, DamagedError)
    return isinstance(error, (*connection, *damaged)) and not isinstance(error, OpenMLNotAuthorizedError)


def _is_absent(error: Exception) -> bool:
    """Whether the server knows no such thing, keeps it from us, or it is of a type that the client does not know."""
    from openml.exceptions import OpenMLPrivateDatasetError
    from openml.exceptions import OpenMLServerException as ServerAnswer

    if isinstance(error, ServerAnswer):
        return error.code in ABSENT
    return isinstance(error, OpenMLPrivateDatasetError | NotImplementedError)


def _reason(error: Exception) -> str:
    """Say in a few words what went wrong, without URLs."""
    import requests
    from openml.exceptions import OpenMLHashException, OpenMLNotAuthorizedError
    from openml.exceptions import OpenMLServerException as ServerAnswer
    from urllib3.exceptions import HTTPError

    if isinstance(error, DamagedError):
        return str(error)
    if isinstance(error, OpenMLHashException):
        return "its checksum is another one than the server says"
    if isinstance(error, OpenMLNotAuthorizedError):
        return "it asks for an API key, which openml.config.apikey or OPENML_API_KEY holds"
    if isinstance(error, ServerAnswer):
        return f"its error {error.code}, {error.message.removesuffix(' - None')}"
    if isinstance(error, requests.RequestException | HTTPError):
        return f"the connection failed, {type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, KeyError | expat.ExpatError):
        return "the answer is not OpenML's XML"
    if isinstance(error, NotImplementedError):
        return "the client does not know its type"
    status = re.search(r"Status code: (\d+)", str(error))
    return f"HTTP status {status[1]}" if status else type(error).__name__

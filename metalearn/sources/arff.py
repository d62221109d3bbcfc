"""ARFF as real files have it: what strict readers refuse is mended before liac-arff parses the text.

Mended are ranges after a type (``integer [1,10]``), date types, values that a nominal column does not declare, column
names given twice, and a comma at the end of every row. Format: https://waikato.github.io/weka-wiki/formats_and_processing/arff/
"""

import re
from dataclasses import dataclass
from typing import Any

import arff
import pandas as pd

from metalearn.errors import InputError
from metalearn.sources.frames import unique_names

_QUOTED = r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*\""""
_ATTRIBUTE = re.compile(
    rf"""^@attribute\s+ (?P<name> {_QUOTED} | [^\s{{'"]+ ) \s* (?P<type>\S.*)$""", re.IGNORECASE | re.VERBOSE
)
_FIRST_VALUE = re.compile(rf"\{{ \s* ({_QUOTED} | [^,}}]* )", re.VERBOSE)
_NUMERIC_TYPES = ("numeric", "real", "integer")
_TEXT_TYPE = "string"


@dataclass(frozen=True)
class _Attribute:
    name: str
    type: str

    @property
    def nominal(self) -> bool:
        return self.type.startswith("{")

    @property
    def parsed_type(self) -> str:
        """What liac-arff is told: nominal and date columns pass as text, ranges are dropped."""
        word = self.type.split()[0].lower()
        return _TEXT_TYPE if self.nominal or word == "date" else word

    @property
    def sparse_default(self) -> Any:
        """What a sparse row leaves out: 0, or the first nominal value."""
        if self.nominal:
            return _unquoted(_FIRST_VALUE.findall(self.type)[0].strip())
        return 0.0 if self.parsed_type in _NUMERIC_TYPES else ""


def read_arff(text: str, origin: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the table in an ARFF text, its columns named as there, and the ``unique_names`` of its nominal columns.

    ``origin`` names the text in errors.

    Raises:
        InputError: when the text is no ARFF.

    >>> text = "@relation r\\n@attribute a integer [1,9]\\n@attribute b {'x y', z}\\n@data\\n3,'x y',\\n?,z,\\n"
    >>> frame, nominal = read_arff(text, "r.arff")
    >>> frame.to_dict("list"), nominal
    ({'a': [3.0, nan], 'b': ['x y', 'z']}, ['b'])
    """
    # Not str.splitlines, which also splits where Windows text holds an ellipsis.
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    start = next((i for i, line in enumerate(lines) if line.lower().startswith("@data")), None)
    if start is None:
        raise InputError(f"{origin} is not an ARFF file: no line says @data; give CSV another ending than .arff.")
    attributes = [_attribute(line, origin) for line in lines[:start] if line.lower().startswith("@attribute")]
    given = [a.name for a in attributes]
    frame = pd.DataFrame(_parsed(attributes, lines[start + 1 :], start + 1, origin), columns=given)
    return frame, [name for name, a in zip(unique_names(given), attributes, strict=True) if a.nominal]


def _attribute(line: str, origin: str) -> _Attribute:
    match = _ATTRIBUTE.match(line)
    if match is None:
        raise InputError(f"{origin} has an attribute without a name or type: {line[:80]!r}; mend that line.")
    attribute = _Attribute(_unquoted(match["name"]), match["type"])
    if attribute.parsed_type not in (*_NUMERIC_TYPES, _TEXT_TYPE):
        raise InputError(f"{origin} has an attribute of a type that cannot be read: {line[:80]!r}; leave it out.")
    return attribute


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word[:1] in ("'", '"') else word


def _parsed(attributes: list[_Attribute], lines: list[str], offset: int, origin: str) -> list[list[Any]]:
    data = [_without_surplus_comma(line, len(attributes)) for line in lines]
    first = next((line for line in data if line and not line.startswith("%")), "")
    sparse = first.startswith("{")
    # Stand-in names free liac-arff from quoting, and from names given twice.
    header = ["@relation r", *(f"@attribute a{i} {a.parsed_type}" for i, a in enumerate(attributes)), "@data"]
    try:
        rows = arff.loads("\n".join([*header, *data]), return_type=arff.LOD if sparse else arff.DENSE)["data"]
    except Exception as error:  # liac-arff raises its own errors, and others where it did not foresee the text
        line = getattr(error, "line", 0) - len(header) + offset
        place = f"at line {line}" if line > offset else "in its data"
        raise InputError(f"{origin} is malformed ARFF {place} ({type(error).__name__}); mend it.") from error
    if not sparse:
        return list(rows)
    return [[row.get(i, a.sparse_default) for i, a in enumerate(attributes)] for row in rows]


def _without_surplus_comma(line: str, n_attributes: int) -> str:
    return line[:-1] if line.endswith(",") and line.count(",") >= n_attributes else line

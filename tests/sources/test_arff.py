"""ARFF texts that strict readers refuse, and those that nobody can read."""

import pytest

from metalearn.errors import InputError
from metalearn.sources.arff import read_arff

READABLE = {
    "ranges after a type": ("@attribute a integer [1,10]\n@attribute b REAL\n@data\n1,?", {"a": [1.0], "b": [None]}),
    "comma at the row's end": ("@attribute a real\n@attribute b real\n@data\n1,2,\n3,4,", {"a": [1, 3], "b": [2, 4]}),
    "empty last value": ("@attribute a real\n@attribute b real\n@data\n1,", {"a": [1], "b": [None]}),
    "undeclared value": ("@attribute a {x}\n@data\nx\nz", {"a": ["x", "z"]}),
    "no space before the brace": ("@attribute a{x,y}\n@data\ny", {"a": ["y"]}),
    "quotes": ("@attribute 'a b' {'u v',\"w\"}\n@data\n'u v'\n\"w\"", {"a b": ["u v", "w"]}),
    "escapes": ("@attribute 'it\\'s' {x}\n@data\n'don\\'t'", {"it's": ["don't"]}),
    "comments and capitals": ("% c\n@ATTRIBUTE a NUMERIC\n\n@DATA\n% c\n1\n\n2\n", {"a": [1, 2]}),
    "line ends": ("@attribute a {x}\r\n@data\r\n'wait\x85'\r\nx", {"a": ["wait\x85", "x"]}),
    "date": ("@attribute d date 'yyyy-MM-dd'\n@data\n'2020-01-02'", {"d": ["2020-01-02"]}),
    "sparse with a comma in the first value": (
        "@attribute a {'u,v', w}\n@attribute b {\"it's\",w}\n@attribute c { x , y }\n@data\n{0 w}\n{1 w,2 y}",
        {"a": ["w", "u,v"], "b": ["it's", "w"], "c": ["x", "y"]},
    ),
    "sparse": (
        "@attribute a real\n@attribute b {u,v}\n@data\n{0 3}\n{1 v}\n{0 ?}",
        {"a": [3, 0, None], "b": ["u", "v", "u"]},
    ),
}


@pytest.mark.parametrize("label", READABLE)
def test_what_is_mended(label):
    text, expected = READABLE[label]
    frame, _ = read_arff("@relation r\n" + text, "r.arff")
    assert frame.astype(object).where(frame.notna(), None).to_dict("list") == expected


def test_nominal_columns_are_told_by_names_of_their_own():
    frame, nominal = read_arff(
        "@relation r\n@attribute a {0,1}\n@attribute b real\n@attribute a {x}\n@data\n0,1,x", "r.arff"
    )
    assert list(frame.columns) == ["a", "b", "a"]
    assert nominal == ["a", "a.1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2", "no line says @data"),
        ("@attribute a\n@data\n1", "attribute without a name or type: '@attribute a'"),
        ("@attribute a relational\n@data\n1", "type that cannot be read: '@attribute a relational'"),
        ("@attribute a real\n@data\n1\n\n1,2", r"line 5 \(BadDataFormat\)"),
        ("@attribute a real\n@data\n1\n50%", r"line 4 \(BadNumericalValue\)"),
        ("@data\n1", "malformed ARFF"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(InputError, match=f"r.arff.*{message}"):
        read_arff(text, "r.arff")

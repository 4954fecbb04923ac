"""Cutting JSON texts into their parts without decoding them."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_server.core import spans
from tasktracker_server.core.spans import Members, NotJson, Span
from tasktracker_server.core.steps import done

LONG = spans._WINDOW * 3
texts = st.text(max_size=8) | st.sampled_from(['"', "\\", "[{", "]}", '\\"', "x" * 100])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=40,
)
spacing = st.sampled_from([None, 0, 3])


def parts(text: bytes, found: Iterator[Span | None]) -> list[Any]:
    return [json.loads(text[span.start : span.end]) for span in found if span is not None]


@given(st.lists(values, max_size=8), spacing)
def test_an_array_is_cut_into_its_elements(value: list[Any], indent: int | None) -> None:
    text = b"  " + json.dumps(value, indent=indent).encode() + b" "

    assert parts(text, spans.elements(text, spans.begin(text))) == value


@given(st.dictionaries(texts, values, max_size=8), spacing)
def test_an_object_is_cut_into_its_members(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, indent=indent).encode()
    found = {}

    members = Members(text)
    while (name := members.name()) is not None:
        start = members.at
        members.at = done(spans.end_of(text, start))
        found[json.loads(name)] = json.loads(text[start : members.at])

    assert found == value
    assert members.at == len(text)
    assert parts(text, spans.values(text)) == list(value.values())


@pytest.mark.parametrize(
    "element",
    [
        b'"%b"' % (b"x" * LONG),
        b'"%b"' % (rb"\"[" * LONG),
        b"[" + b"[]," * LONG + b"1]",
        b"[" + b"[[[[]]]]," * LONG + b"1]",
        b"[" * LONG + b"]" * LONG,
        b'{"a":' * 200 + b'"%b"' % (b"]" * LONG) + b"}" * 200,
        b"[" + b" " * LONG + b"1" * LONG + b"]",
        b"9" * LONG,
    ],
    ids=["text", "escapes", "pairs", "nests", "deep", "text deep within", "a number", "a bare number"],
)
def test_parts_longer_than_a_window_are_whole(element: bytes) -> None:
    text = b"[%b , %b,1]" % (element, element)

    found = [text[span.start : span.end] for span in spans.elements(text) if span is not None]

    assert found == [element, element, b"1"]


def test_no_step_looks_at_more_than_a_window() -> None:
    text = b'[["%b"]]' % b'","'.join([b"x" * 100] * 10_000)

    steps = sum(span is None for span in spans.elements(text))

    assert steps >= len(text) // spans._WINDOW


@pytest.mark.parametrize(
    "text", [b"[", b"[1", b"[1,", b"[1 2]", b"[,]", b"[[]", b'["a]', b'["a\\"]', b"[1}", b"[:1]", b"[1,]"]
)
def test_what_is_no_array_is_told(text: bytes) -> None:
    with pytest.raises(NotJson):
        list(spans.elements(text))


@pytest.mark.parametrize(
    "text", [b"{", b'{"a"}', b'{"a":}', b'{"a":1', b'{"a":1,}', b"{1:2}", b'{"a":1 "b":2}']
)
def test_what_is_no_object_is_told(text: bytes) -> None:
    with pytest.raises(NotJson):
        list(spans.values(text))


@given(st.lists(values | st.integers(10**300, 10**320), min_size=1), st.integers(1, 40))
def test_pieces_cut_no_string_and_no_number(value: list[Any], window: int) -> None:
    text = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spans, "_WINDOW", window)
        found = list(spans.pieces(text))

    assert b"".join(found) == text
    for piece, following in pairwise(found):
        assert piece.replace(rb"\\", b"").replace(rb"\"", b"").count(b'"') % 2 == 0
        assert not (piece[-1:].isdigit() and following[:1].isdigit())

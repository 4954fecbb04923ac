"""What may be stored unread, and what may not."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_server.core import opaque
from tasktracker_server.core.errors import InvalidRequest, TooLarge
from tasktracker_server.core.steps import done

PAIR = rb'"\ud83d\ude00"'


def refusal(value: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        opaque.check(value, "$.params")
    return refused.value.message


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b"null",
        b"-0",
        b"1e308",
        b"-1.7976931348623157e308",
        b"1e-400",
        b"1e-16383",
        b"[1.5e-16382]",
        b"1" * 309,
        b"0." + b"1" * 998,
        PAIR,
        rb'{"\ud83d\ude00":1}',
        rb'"\\u0000"',
        rb'"\\ud800"',
        rb'"\\\\ud800 \u0001"',
        '"\U0001f600 é \u2028"'.encode(),
        b"[" * 100 + b"]" * 100,
        b'"' + b"[{" * 500 + b'"',
        b'"4e9800 [1e999999, 1e999999] 4e1000"',
        b'["a:1e999"]',
        b"[" + b"{}," * 5_000 + b"{}]",
        b" [ 1 ,\n2 ] ",
        b'"\x7f"',
    ],
)
def test_what_can_be_stored_is_let_in(value: bytes) -> None:
    opaque.check(value, "$.params")


@pytest.mark.parametrize(
    "value", [rb'"\u0000"', rb'{"a\u0000":1}', rb'"\\\u0000"', rb'["x", "\ud83d\ude00\u0000"]']
)
def test_nul_is_refused(value: bytes) -> None:
    assert r"`$.params` holds the character \u0000" in refusal(value)


@pytest.mark.parametrize(
    "value",
    [
        rb'"\ud800"',
        rb'"\udc00"',
        rb'{"\uD83D":1}',
        rb'"\ud83d\u0041"',
        rb'"\ude00\ud83d"',
        rb'"\ud83d\ud83d\ude00"',
        rb'"\ud83d\ude00\ude00"',
        rb'"\ud83d\\ude00"',
        rb'"\\\ud83d"',
    ],
)
def test_half_of_a_surrogate_pair_is_refused(value: bytes) -> None:
    assert "half of a surrogate pair" in refusal(value)


@pytest.mark.parametrize(
    "value",
    [
        b"1e309",
        b"-1e400",
        b'{"a":[1E+400]}',
        b"1" * 310,
        b"9" * 250 + b"e99",
        b"2" * 205 + b".5e200",
        b"1e99999999999999999999",
        b'["x",\n\t1.0e0000000309]',
    ],
)
def test_a_number_beyond_a_double_is_refused(value: bytes) -> None:
    assert "beyond 1.8e308" in refusal(value)


@pytest.mark.parametrize(
    "value", [b"1e-16384", b"1.5e-16383", b"0e-20000", b"[1e-99999]", b"1e-" + b"9" * 900, b"0e99999"]
)
def test_a_number_finer_than_numeric_is_refused(value: bytes) -> None:
    assert "too fine to store" in refusal(value)


@pytest.mark.parametrize("value", [b"0." + b"1" * 999, b"1" * 1001, b"0e-" + b"0" * 1000 + b"1"])
def test_a_very_long_number_is_refused(value: bytes) -> None:
    assert "a number of 1," in refusal(value)


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 101 + b"]" * 101,
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b"[" * 90_000 + b"]" * 90_000,
        b'["]]]]",' + b"[" * 100 + b"]" * 101,
    ],
)
def test_deep_nesting_is_refused(value: bytes) -> None:
    assert refusal(value) == "`$.params` is nested deeper than 100 levels."


@pytest.mark.parametrize(
    "value", [b"", b"{", b"{]", b"01", b"nul", b'"\n"', b'"\xff"', b'"\xed\xa0\x80"', b"1 2", rb'"\x"']
)
def test_what_is_not_json_is_refused(value: bytes) -> None:
    assert refusal(value) == "`$.params` is not JSON in UTF-8."


def test_nothing_and_null_are_nothing() -> None:
    assert done(opaque.object_or_none(Raw(), "$.params")) is None
    assert done(opaque.object_or_none(Raw(b"null"), "$.params")) is None
    assert done(opaque.json_or_none(Raw(), "$.result")) is None
    assert done(opaque.json_or_none(Raw(b"null"), "$.result")) is None


def test_a_value_comes_back_as_it_was_sent() -> None:
    assert done(opaque.object_or_none(Raw(b'{"a": 1.0}'), "$.params")) == b'{"a": 1.0}'
    assert done(opaque.json_or_none(Raw(b"false"), "$.result")) == b"false"
    assert done(opaque.json_or_none(Raw(b'"x"'), "$.result")) == b'"x"'


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"[]", "an array"), (b'"a"', "a string"), (b"-1", "a number"), (b"true", "a boolean")],
)
def test_an_object_is_wanted(value: bytes, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"`\$\.params` must be an object, not {kind}\."):
        done(opaque.object_or_none(Raw(value), "$.params"))


# Progress


def entries(value: bytes) -> list[tuple[int | None, bytes]]:
    return [(entry.own_seq_id, entry.data) for entry in opaque.entries(Raw(value))]


def entries_refusal(value: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        opaque.entries(Raw(value))
    return refused.value.message


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (b'{"percent":42}', b'{"percent":42}'),
        (b'{"a": 1, "b" : [ ]}', b'{"a": 1, "b" : [ ]}'),
        (b"{}", b"{}"),
        (b"{ }", b"{}"),
        (b"{\r\n}", b"{}"),
        (b'{ "a":1}', b'{"a":1}'),
        (b'{\n  "a": 1.00,\r\n  "b": "x\\ny"\n}', b'{"a":1.00,"b":"x\\ny"}'),
        (b'{"nested":{"seqId":5}}', b'{"nested":{"seqId":5}}'),
        (b'{"text":"seqId"}', b'{"text":"seqId"}'),
        (rb'{"e":"\ud83d\ude00"}', rb'{"e":"\ud83d\ude00"}'),
    ],
)
def test_one_object_is_one_entry(value: bytes, data: bytes) -> None:
    assert entries(value) == [(None, data)]


@pytest.mark.parametrize(
    ("value", "own", "data"),
    [
        (b'{"seqId":5}', 5, b"{}"),
        (b'{"seqId":5,"a":1.0}', 5, b'{"a":1.0}'),
        (b'{"a":1,"seqId":2147483647}', 2147483647, b'{"a":1}'),
        (b'{"seqId":1000000000000}', 10**12, b"{}"),
        (b'{"seqId":1' + b"0" * 100 + b"}", 2**53 - 1, b"{}"),
        (b'{"seqId":null,"a":1}', None, b'{"a":1}'),
        (rb'{"\u0073eqId":7,"a":"\u00e9"}', 7, rb'{"a":"\u00e9"}'),
        (b'{"seqId":1,"seqId":2}', 2, b"{}"),
        (b'{"seqId" : 3 ,\n"a" : { "b" : 1 } }', 3, b'{"a":{ "b" : 1 }}'),
    ],
)
def test_an_entrys_own_number_is_taken_out(value: bytes, own: int | None, data: bytes) -> None:
    assert entries(value) == [(own, data)]


@pytest.mark.parametrize("number", [b"0", b"-1", b"1.0", b'"1"', b"true", b"[1]", b"9" * 400])
def test_an_own_number_is_a_positive_integer(number: bytes) -> None:
    assert entries_refusal(b'{"seqId":' + number + b"}").startswith("`$.progress")
    assert entries_refusal(b'[{"seqId":1},{"seqId":' + number + b"}]").startswith("`$.progress[1]")


def test_an_array_is_several_entries() -> None:
    assert entries(b'[{"a":1}, {} ,\n{ "b":2 }]') == [(None, b'{"a":1}'), (None, b"{}"), (None, b'{"b":2}')]
    assert entries(b'[{"seqId":3},{"seqId":4,"a":1}]') == [(3, b"{}"), (4, b'{"a":1}')]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b'[{"seqId":3},{}]', "$.progress[1].seqId"),
        (b'[{},{},{"seqId":3}]', "$.progress[2].seqId"),
        (b'[{"seqId":3},{"seqId":null}]', "$.progress[1].seqId"),
        (b'[{"seqId":3},{"seqId":5}]', "$.progress[1].seqId"),
        (b'[{"seqId":3},{"seqId":3}]', "$.progress[1].seqId"),
        (b"[{},[]]", "$.progress[1]"),
        (b"[null]", "$.progress[0]"),
        (rb'[{},{"a":"\u0000"}]', "$.progress[1]"),
        (b"[]", "$.progress"),
        (b"[" + b"{}," * 1000 + b"{}]", "$.progress"),
        (b"5", "$.progress"),
        (b"null", "$.progress"),
        (b"", "$.progress"),
    ],
)
def test_the_wrong_place_is_named(value: bytes, place: str) -> None:
    assert entries_refusal(value).startswith(f"`{place}`")


def test_a_thousand_entries_are_taken() -> None:
    assert len(entries(b"[" + b"{}," * 999 + b"{}]")) == limits.PROGRESS_ENTRIES_MAX


def test_an_entry_may_be_as_deep_as_any_value() -> None:
    deep = b'{"a":' + b"[" * 99 + b"]" * 99 + b"}"

    assert entries(b"[" + deep + b"," + deep + b"]") == [(None, deep), (None, deep)]
    assert "nested deeper" in entries_refusal(b'[{"a":' + b"[" * 100 + b"]" * 100 + b"}]")


def test_the_size_of_an_entry_is_bounded() -> None:
    room = limits.PROGRESS_ENTRY_BYTES - len(b'{"a":""}')

    assert len(entries(b'{"a":"' + b"x" * room + b'"}')[0][1]) == limits.PROGRESS_ENTRY_BYTES
    with pytest.raises(TooLarge, match=r"`\$\.progress`"):
        opaque.entries(Raw(b'{"a":"' + b"x" * (room + 1) + b'"}'))
    with pytest.raises(TooLarge, match=r"`\$\.progress\[1\]`"):
        opaque.entries(Raw(b'[{},{"a":"' + b"x" * (room + 1) + b'"}]'))
    with pytest.raises(TooLarge):
        opaque.entries(Raw(b'{"a":1}'), entry_limit=6)


@pytest.mark.parametrize("array", [False, True])
def test_an_entry_far_over_its_limit_is_refused_before_it_is_read(array: bool) -> None:
    """What only reading it could find is not found."""
    unread = b'{"a":"\\u0000"' + b" " * 100 + b"}"
    given = b"[%b]" % unread if array else unread

    with pytest.raises(TooLarge, match="has 114 bytes; one entry may have 28"):
        opaque.entries(Raw(given), entry_limit=28)
    with pytest.raises(InvalidRequest, match="cannot be stored"):
        opaque.entries(Raw(given), entry_limit=29)
    assert opaque.entries(Raw(b'{"a":1' + b" " * 100 + b"\n}"), entry_limit=28)[0].data == b'{"a":1}'


# Whatever passes


texts = st.text(st.characters(codec="utf-8") | st.sampled_from('\x00\ud800\udfff\ude00\ud83d\\u"[{1e'))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
pieces = [
    *(
        b'"',
        b"\\",
        rb"\u0000",
        rb"\ud83d",
        rb"\ude00",
        b"u",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"1",
        b"9" * 200,
    ),
    *(b"e", b"E+", b"e-", b"309", b"99999", b".", b"-", b" ", b"\n", b"true", b"null", b"\xc3\xa9", b"\xff"),
]
fragments = st.lists(st.sampled_from(pieces), max_size=14).map(b"".join)
objects = st.tuples(fragments, fragments).map(lambda two: b'{"a":%b,"b":%b}' % two)


def storable(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return math.isfinite(float(str(int(value))))
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(storable(key) and storable(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(storable, value))
    return True


def passes(value: bytes) -> bool:
    try:
        opaque.check(value, "$.params")
    except InvalidRequest:
        return False
    return True


@given(values)
def test_a_value_passes_exactly_if_it_can_be_stored(value: Any) -> None:
    assert passes(json.dumps(value).encode()) is storable(value)


@given(
    fragments | st.tuples(fragments, fragments).map(lambda two: b'{"a":' + two[0] + b',"b":' + two[1] + b"}")
)
def test_whatever_passes_can_be_read_and_stored(value: bytes) -> None:
    if passes(value):
        assert storable(json.loads(value))


@given(st.dictionaries(texts | st.just("seqId"), values, max_size=4), st.sampled_from([None, 1]))
def test_a_number_can_be_put_into_whatever_entry_passes(value: dict[str, Any], indent: int | None) -> None:
    sent = json.dumps(value, indent=indent).encode()
    try:
        (entry,) = opaque.entries(Raw(sent))
    except InvalidRequest:
        return

    first = b'{"seqId":5,' if entry.data != b"{}" else b'{"seqId":5'
    numbered = json.loads(first + entry.data[1:])

    value.pop("seqId", None)
    assert numbered == {"seqId": 5, **value}
    assert next(iter(numbered)) == "seqId"
    assert b"\n" not in entry.data
    assert b"\r" not in entry.data
    assert msgspec.json.decode(entry.data) == value

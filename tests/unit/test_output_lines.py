"""A command's output, as lines and as entries."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasktracker_cli.output_lines import ENTRY_BYTES, LINGER_SECONDS, Entries, Line, Splitter
from tasktracker_schema.limits import PROGRESS_ENTRY_BYTES


def lines(*chunks: bytes, line_bytes: int = 100) -> list[str]:
    splitter = Splitter(line_bytes)
    return [line.text for chunk in chunks for line in splitter.feed(chunk)] + [
        line.text for line in splitter.end()
    ]


def all_of(entries: Entries) -> list[Any]:
    found = []
    assert (entries.size > 0) == (entries.due_at < float("inf"))
    while (entry := entries.take(0.0, all_of_it=True)) is not None:
        assert len(entry) <= PROGRESS_ENTRY_BYTES - 64
        found.append(json.loads(entry))
    assert entries.size == 0
    return found


def test_lines_are_put_together_from_chunks() -> None:
    assert lines(b"a", b"b\nc\n", b"\n", b"d") == ["ab", "c", "", "d"]


def test_a_character_cut_in_two_is_whole_again_and_bad_bytes_are_replaced() -> None:
    assert lines("é".encode()[:1], "é".encode()[1:] + b"\n") == ["é"]
    assert lines(b"a\xffb\0c\n") == ["a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"]


def test_of_a_long_line_the_beginning_is_kept() -> None:
    assert lines(b"x" * 8, b"y" * 8 + b"\nz\n", line_bytes=10) == ["xxxxxxxxyy… (6 bytes more)", "z"]


def test_what_is_written_over_is_told_as_it_stands_last() -> None:
    splitter, entries = Splitter(), Entries()
    for line in splitter.feed(b"begin\n10%\r20%\r\r30%\rdone\r\nend\n"):
        entries.add("stderr", line, 0.0)

    assert all_of(entries) == [{"stream": "stderr", "lines": ["begin", "done", "end"]}]


def test_lines_of_a_moment_are_one_entry_and_streams_stay_in_order() -> None:
    entries = Entries()
    for stream, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")):
        entries.add(stream, Line(text, False), 10.0)  # type: ignore[arg-type]

    taken = [entries.take(10.0), entries.take(10.0)]
    assert [json.loads(each or b"")["lines"] for each in taken] == [["a", "b"], ["c"]]
    assert entries.take(10.0) is None, "the last one waits for company"
    assert entries.due_at == 10.0 + LINGER_SECONDS
    assert json.loads(entries.take(entries.due_at) or b"")["lines"] == ["d"]
    assert entries.due_at == float("inf")


def test_json_objects_are_entries_of_their_own_where_asked_for() -> None:
    texts = (
        '{"percent": 5}',
        "plain",
        '{"seqId": 1}',
        "{broken",
        "[1]",
        '{"a": "' + "x" * ENTRY_BYTES + '"}',
    )
    entries = Entries(json_progress=True)
    for text in texts:
        entries.add("stdout", Line(text, False), 0.0)
    entries.add("stderr", Line('{"percent": 6}', False), 0.0)

    first, *rest = all_of(entries)
    assert first == {"percent": 5}
    assert [line for entry in rest for line in entry["lines"]][:4] == [
        "plain",
        '{"seqId": 1}',
        "{broken",
        "[1]",
    ]
    assert rest[-1] == {"stream": "stderr", "lines": ['{"percent": 6}']}


def test_what_grows_when_escaped_still_fits() -> None:
    entries = Entries()
    entries.add("stdout", Line("\x01" * ENTRY_BYTES, False), 0.0)

    (entry,) = all_of(entries)
    assert entry["lines"][0].startswith("\x01" * 10_000)
    assert entry["lines"][0].endswith("…")


@given(st.lists(st.binary(max_size=40)))
def test_nothing_that_fits_is_lost_however_it_is_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = [piece.decode("utf-8", "replace").replace("\0", "\ufffd") for piece in whole.split(b"\n")]
    expected = [piece for piece in expected if piece]
    kept = [text for text in lines(*chunks, line_bytes=10_000) if text]

    assert [part for piece in expected for part in piece.split("\r") if part] == kept


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=30))))
def test_every_line_is_told_once_and_in_order(told: list[tuple[Any, str]]) -> None:
    entries = Entries()
    for stream, text in told:
        entries.add(stream, Line(text, False), 0.0)

    assert [(entry["stream"], line) for entry in all_of(entries) for line in entry["lines"]] == told

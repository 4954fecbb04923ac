"""The API's description as one page, rendered here: no scripts, nothing from elsewhere."""

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --get: #2a7d4f; --post: #3563b8; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; } h2 { margin: 3rem 0 0.5rem; } h3 { margin: 0; font-size: 1.05rem; font-weight: 600; }
h4 { margin: 1.2rem 0 0.3rem; font-size: 0.85rem; text-transform: uppercase; letter-spacing: 0.06em; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
code { background: var(--soft); border-radius: 3px; padding: 0.1em 0.3em; }
pre { background: var(--soft); border-radius: 6px; margin: 0.4rem 0; overflow-x: auto; padding: 0.8rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: 0.35rem 0.8rem 0.35rem 0; text-align: left; }
td, th { vertical-align: top; } th { font-size: 0.85rem; font-weight: 600; }
nav ul { columns: 2 20rem; list-style: none; margin: 0.4rem 0; padding: 0; }
nav a { color: inherit; text-decoration: none; } nav a:hover, nav a:focus { text-decoration: underline; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.5rem; }
details { margin: 0.4rem 0; } summary { cursor: pointer; }
.method { border-radius: 4px; color: #fff; display: inline-block; margin-right: 0.5rem; width: 3.2rem;
  font: 600 0.75rem/1.7 ui-monospace, monospace; text-align: center; }
.GET { background: var(--get); } .POST { background: var(--post); }
.path { font: 0.95rem ui-monospace, monospace; } .muted { opacity: 0.7; }
"""
_CODE: Final = re.compile(r"`([^`]+)`")


def render(document: Json) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    groups = [(tag, list(_operations(document, tag["name"]))) for tag in document["tags"]]
    body = [
        f"<h1>{_text(info['title'])} <small class='muted'>{_text(info['version'])}</small></h1>",
        *(f"<p>{_text(part)}</p>" for part in info["description"].split("\n\n")),
        "<p>The same for programs: <a href='/openapi.json'>/openapi.json</a> (OpenAPI 3.1).</p>",
        "<nav>",
        *(_index(tag, operations) for tag, operations in groups),
        "<h2>Shapes</h2><ul>",
        *(f"<li><a href='#{name}'>{name}</a></li>" for name in document["components"]["schemas"]),
        "</ul></nav>",
        *(_operation(document, *each) for _, operations in groups for each in operations),
        "<h2>Shapes</h2>",
        *(_shape(document, name) for name in document["components"]["schemas"]),
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{_text(info['title'])}: the API</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>"
    )


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _index(tag: Json, operations: list[tuple[str, str, Json]]) -> str:
    items = [
        f"<li><a href='#{operation['operationId']}'>{_call(method, path)}</a></li>"
        for method, path, operation in operations
    ]
    return f"<h2>{_text(tag['name'])}</h2><p>{_text(tag['description'])}</p><ul>{''.join(items)}</ul>"


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    parts = [
        f"<section id='{operation['operationId']}'><h3>{_call(method, path)}</h3>",
        f"<p><strong>{_text(operation['summary'])}.</strong> {_text(operation['description'])}</p>",
        _parameters(operation.get("parameters", [])),
    ]
    if body is not None:
        fields = _fields(_resolved(document, body["schema"]))
        parts.append(f"<h4>Body</h4>{fields}" if fields else "<h4>Body</h4><p>None needed.</p>")
    parts.append(f"<h4>Try it</h4><pre>{escape(_curl(method, path, operation, body))}</pre>")
    parts.append(f"<h4>Answers</h4>{''.join(_answers(operation['responses']))}</section>")
    return "".join(parts)


def _parameters(parameters: list[Json]) -> str:
    if not parameters:
        return ""
    rows = [
        (
            f"<code>{escape(each['name'])}</code>",
            each["in"],
            _kind(_sent(each["schema"])),
            _text(each["description"]),
        )
        for each in parameters
    ]
    return f"<h4>Parameters</h4>{_table(('Name', 'In', 'Kind', 'Meaning'), rows)}"


def _sent(schema: Json) -> Json:
    """What a caller would send: ``null`` says no more than leaving out."""
    kinds = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return {**schema, "anyOf": kinds} if kinds else schema


def _fields(schema: Json) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(name)}</code>{' <strong>required</strong>' if name in required else ''}",
            _kind(field),
            _text(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return _table(("Field", "Kind", "Meaning"), rows) if rows else ""


def _answers(responses: Json) -> Iterator[str]:
    for status, answer in responses.items():
        contents: Json = answer.get("content") or {"": {}}
        media, content = next(iter(contents.items()))
        lines = [line.removeprefix("* ") for line in answer["description"].split("\n")]
        if "allOf" in content.get("schema", {}):
            told = "".join(f"<li>{_text(line)}</li>" for line in lines)
            summary = f"<summary><strong>{status}</strong> {_codes(lines)}</summary>"
            yield f"<details>{summary}<ul>{told}</ul></details>"
            continue
        shape = _kind(content["schema"]) if media == "application/json" else escape(media)
        yield f"<p><strong>{status}</strong> {_text(lines[0])} {shape}</p>"
        if "example" in content:
            yield f"<pre>{escape(_example(content['example']))}</pre>"


def _codes(lines: Iterable[str]) -> str:
    return " ".join(f"<code>{escape(code[1])}</code>" for line in lines if (code := _CODE.match(line)))


def _shape(document: Json, name: str) -> str:
    schema = document["components"]["schemas"][name]
    fields = _fields(schema) or f"<p>{_kind(schema)}</p>"
    return (
        f"<section id='{name}'><h3>{name}</h3><p>{_text(schema.get('description', ''))}</p>{fields}</section>"
    )


def _kind(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href='#{name}'>{name}</a>"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_kind(each) for each in schema[several]) + _default(schema)
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    kinds = schema.get("type", "any JSON")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if kind == "array" and "items" in schema:
        kind = f"array of {_kind(schema['items'])}"
    return kind + _bounds(schema) + _default(schema)


def _bounds(schema: Json) -> str:
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if high in schema:
            return f", {schema.get(low, 0):,} to {schema[high]:,}"
    return f", {schema['format']}" if "format" in schema else ""


def _default(schema: Json) -> str:
    if "default" not in schema:
        return ""
    return f" <span class='muted'>default {escape(json.dumps(schema['default']))}</span>"


def _curl(method: str, path: str, operation: Json, body: Json | None) -> str:
    url = f"http://localhost:3002{path.replace('{taskId}', 'enc-1')}"
    if method == "GET":
        stays_open = "text/event-stream" in operation["responses"]["200"]["content"]
        return f"curl{' -N' if stays_open else ''} {url}"
    if body and body["example"]:
        return f"curl {url} -d '{json.dumps(body['example'])}'"
    return f"curl -X POST {url}"


def _example(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def _call(method: str, path: str) -> str:
    return f"<span class='method {method}'>{method}</span><span class='path'>{escape(path)}</span>"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _text(text: str) -> str:
    """Prose with its code marked."""
    return _CODE.sub(r"<code>\1</code>", escape(text))

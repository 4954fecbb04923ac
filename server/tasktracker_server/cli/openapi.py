"""``openapi``: the API's description for other tools."""

from pathlib import Path

import click
import msgspec

from tasktracker_schema import __version__


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
def openapi(output: Path | None) -> None:
    """Print the OpenAPI 3.1 document of this version."""
    from tasktracker_schema.openapi import document

    text = msgspec.json.format(msgspec.json.encode(document(__version__)), indent=2)
    if output is None:
        click.echo(text)
    else:
        output.write_bytes(text + b"\n")

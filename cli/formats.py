"""whit formats: the model formats whit reads."""

from __future__ import annotations

import click

from whit.cli.output import as_json, write_json, write_table
from whit.converter.importers import IMPORTERS
from whit.runtime.tape import SUFFIX


@click.command(
    "formats",
    short_help="List the model formats whit reads.",
    epilog="Example: whit formats",
)
@as_json
def command(json_output: bool) -> None:
    """List the model formats whit reads; a file's content decides, not its name."""
    rows = [(importer.FORMAT, _summary(importer.__doc__)) for importer in IMPORTERS]
    rows.append((f"whit ({SUFFIX})", "Compiled programs."))
    if json_output:
        write_json(
            "formats",
            {"formats": [{"name": name, "description": text} for name, text in rows]},
        )
        return
    write_table(["format", "what of it"], rows)


def _summary(docstring: str | None) -> str:
    """The first paragraph of an importer's docstring, in one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())

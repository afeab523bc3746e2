"""whit targets: the cores one can compile for."""

from __future__ import annotations

import click

from whit.cli.output import as_json, write_json, write_table
from whit.targets.catalogue import targets


@click.command(
    "targets",
    short_help="List the cores one can compile for.",
    epilog="Example: whit targets --json",
)
@as_json
def command(json_output: bool) -> None:
    """List the cores one can compile for, with their kernel sets.

    The kernel sets of a target are asked in order; the portable set "generic" takes what the
    others leave.
    """
    known = targets()
    if json_output:
        write_json(
            "targets",
            {
                "targets": [
                    {
                        "name": target.name,
                        "description": target.description,
                        "kernel_sets": target.kernel_sets,
                        "alignment": target.alignment,
                        "toolchains": {
                            "zig": [target.zig_triple, *target.zig_flags],
                            "gcc": [f"{target.gcc_prefix}gcc", *target.gcc_flags],
                        },
                    }
                    for target in known
                ]
            },
        )
        return
    write_table(
        ["target", "kernel sets", ">alignment", "description"],
        [(t.name, ", ".join(t.kernel_sets), t.alignment, t.description) for t in known],
    )

"""The `whit` command: one module a command, which does the parsing and the printing only."""

COMMANDS = (
    "inspect",
    "convert",
    "quantize",
    "compile",
    "run",
    "bench",
    "build",
    "boards",
    "targets",
    "formats",
)
"""Modules of this package, each with its click command as `command`, in the order of --help."""

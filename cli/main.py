"""The entry point: finds the command, and turns every error into one message and a status.

Exit statuses: 0 done; 1 a file, an argument's value or a tool is at fault; 2 the model uses what
whit does not support, or the command line is wrong; 3 the model does not fit the board;
130 interrupted.
"""

from __future__ import annotations

import errno
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from whit.cli import COMMANDS
from whit.cli.output import report_error
from whit.converter.errors import WhitError

INTERRUPTED = 130


class _Commands(click.Group):
    """A group that imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"whit.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WhitError as error:
            report_error(str(error))
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            report_error("interrupted")
            ctx.exit(INTERRUPTED)
        except MemoryError:
            report_error("not enough memory")
            ctx.exit(1)
        except OSError as error:
            # A reader that went away (`whit formats | head`) is click's to handle, silently.
            if error.errno == errno.EPIPE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            report_error(f"{where}{error.strerror or error}")
            ctx.exit(1)


def _version() -> str:
    try:
        return version("whit")
    except PackageNotFoundError:
        return "(not installed)"


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 error, 2 unsupported model or wrong usage, 3 does not fit the "
    "board, 130 interrupted.",
)
@click.version_option(_version(), prog_name="whit")
def cli() -> None:
    """Deep learning for devices without a whit to spare.

    Converts trained models, quantizes them to int8, compiles them for microcontrollers and runs
    them, bit for bit the same on the desktop and on the board. MODEL is any file that
    `whit formats` lists, or a compiled .whit program.

    \b
    Example:
      whit quantize model.onnx model.tflite --data samples.npz
      whit run model.tflite --board qemu-mps2-an386
    """


def main() -> None:
    cli(prog_name="whit")

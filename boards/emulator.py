"""Running firmware in an emulator, its UART on pipes."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from whit.boards.board import Board
from whit.converter.errors import InputError, ToolError

_FAULT = 64  # PLATFORM_FAULT of platform.h
_EXIT_SECONDS = 10.0
_ERROR_LINES = 6


class EmulatorStream:
    """A `whit.boards.link.Stream` to firmware in an emulator; the process ends with `close`.

    Raises InputError for a board without an emulator, ToolError where it is not installed.
    """

    def __init__(self, board: Board, elf: Path):
        if board.emulator is None:
            raise InputError(f"board '{board.name}' has no emulator")
        command = [word.replace("{elf}", str(elf)) for word in board.emulator.command]
        self._name = command[0]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close())
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )
        except OSError as error:
            self._errors.close()
            raise ToolError(
                f"cannot start {command[0]} ({error.strerror}): board '{board.name}' needs it; "
                f"install it (Debian: apt install {board.emulator.package})"
            ) from error
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def read(self, count: int, timeout: float) -> bytes:
        assert self._process.stdout is not None
        if not self._selector.select(max(timeout, 0.0)):
            return b""
        data = os.read(self._process.stdout.fileno(), count)
        if not data:
            raise ToolError(self._ended())
        return data

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._process.stdin.fileno(), left) :]
        except BrokenPipeError as error:
            raise ToolError(self._ended()) from error

    def wait(self) -> int:
        """The emulator's exit status, once the firmware has been told to stop."""
        try:
            return self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{self._name} did not stop when told to") from error

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> EmulatorStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ended(self) -> str:
        status = self.wait()
        if status >= _FAULT:
            return f"the firmware stopped with processor exception {status - _FAULT}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()[:_ERROR_LINES]
        said = ":\n  " + "\n  ".join(lines) if lines else ""
        return f"{self._name} ended unexpectedly with status {status}{said}"

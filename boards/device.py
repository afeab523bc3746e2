"""A program on a board: numpy in and out, as `Session` does on the desktop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from whit.boards.board import Board
from whit.boards.build import Firmware, build
from whit.boards.emulator import EmulatorStream
from whit.boards.link import Info, Link
from whit.converter.errors import InputError, ToolError
from whit.runtime.emit_c import digest
from whit.runtime.session import check_inputs
from whit.runtime.tape import Port, Program


class Device:
    """A board that runs one program; a context manager.

    The emulator is started, and everything it needs cleaned up, by the device. Raises ToolError
    where compiler or emulator is missing or the device misbehaves, CapacityError where the program
    does not fit.
    """

    def __init__(self, firmware: Firmware):
        self.firmware = firmware
        self.program: Program = firmware.program
        self.board: Board = firmware.board
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stream = EmulatorStream(self.board, firmware.elf)
        try:
            self._link = Link(self._stream)
            self._check()
        except BaseException:
            self._stream.close()
            raise

    @classmethod
    def of(cls, program: Program, board: Board, toolchain: str = "zig") -> Device:
        """Build firmware for `program` in a temporary folder and start it."""
        folder = tempfile.TemporaryDirectory(prefix="whit-")
        try:
            device = cls(build(program, board, Path(folder.name) / "firmware.elf", toolchain))
        except BaseException:
            folder.cleanup()
            raise
        device._folder = folder
        return device

    @property
    def inputs(self) -> list[Port]:
        return self.program.inputs

    @property
    def outputs(self) -> list[Port]:
        return self.program.outputs

    @property
    def info(self) -> Info:
        """What the device says of itself, its stack's high-water mark as of now."""
        return self._link.refresh()

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name for `inputs` by name; state carries over to the next run.

        Raises InputError naming the input that is missing, unknown or of the wrong shape or type.
        """
        self._feed(inputs)
        self._link.run()
        return {port.name: self._fetch(port) for port in self.outputs}

    def reset(self) -> None:
        """Put the state of a streaming model back to its initial value."""
        self._link.reset()

    def view(self, place: int, size: int) -> np.ndarray:
        """A copy of the `size` bytes that a reference names, as uint8."""
        return np.frombuffer(self._link.read(place, size), np.uint8)

    def steps(self, inputs: Mapping[str, np.ndarray]) -> Iterator[tuple[int, int]]:
        """Run record by record: (index, time) of each after it ran, while `view` can look at what
        it wrote. Time is in units of 1 / `info.timer_hz` seconds: instructions, in an emulator."""
        overhead = self._link.run(0)
        self._feed(inputs)
        position = index = 0
        while position < self._link.info.record_words:
            position, time = self._link.step(position)
            yield index, time - overhead
            index += 1

    def instructions(self, inputs: Mapping[str, np.ndarray]) -> int:
        """Instructions that one inference on `inputs` takes from the present state, exactly.

        The run counts as one of the streaming model's. Raises InputError on a board whose clock
        is not tied to instructions.
        """
        emulator = self.board.emulator
        if emulator is None or emulator.instructions_per_second != self._link.info.timer_hz:
            raise InputError(f"board '{self.board.name}' cannot count instructions")
        overhead = self._link.run(0)
        self._feed(inputs)
        return self._link.run() - overhead

    def close(self) -> None:
        """Stop the firmware and the emulator."""
        self._link.exit()
        self._stream.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self) -> None:
        if self._link.info.digest != digest(self.program):
            raise ToolError(
                f"board '{self.board.name}' runs another program than '{self.program.name}'; "
                "build and flash the firmware again"
            )

    def _feed(self, inputs: Mapping[str, np.ndarray]) -> None:
        check_inputs(self.inputs, inputs)
        for port in self.inputs:
            array = np.ascontiguousarray(inputs[port.name])
            self._link.write(port.reference, array.astype(array.dtype.newbyteorder("<")).tobytes())

    def _fetch(self, port: Port) -> np.ndarray:
        raw = self._link.read(port.reference, port.bytes)
        kind = np.dtype(port.dtype.numpy)
        return np.frombuffer(raw, kind.newbyteorder("<")).astype(kind).reshape(port.shape)

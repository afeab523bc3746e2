"""Boards: what `boards/<name>/board.toml` says, checked."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whit.converter.errors import InputError
from whit.targets.catalogue import Target, load_target

KINDS = ("flash", "ram")


@dataclass(frozen=True)
class Memory:
    """A region of a board's address space. kind: flash (read-only at run time) or ram."""

    name: str
    kind: str
    address: int
    bytes: int

    @property
    def end(self) -> int:
        return self.address + self.bytes


@dataclass(frozen=True)
class Uart:
    address: int
    baud: int


@dataclass(frozen=True)
class Timer:
    """What measures run time: a counter of `hz` ticks a second."""

    address: int
    hz: int


@dataclass(frozen=True)
class Emulator:
    """How to run the board without the board.

    command: the program and its arguments, `{elf}` standing for the firmware. package: the Debian
    package it comes in. instructions_per_second: of emulated time, where that is fixed.
    """

    command: tuple[str, ...]
    package: str
    instructions_per_second: int


@dataclass(frozen=True)
class Board:
    """A board. soc: folders of `boards/_soc` whose C it needs; stack_bytes: reserved in RAM."""

    name: str
    description: str
    target: Target
    soc: tuple[str, ...]
    clock_hz: int
    stack_bytes: int
    memories: tuple[Memory, ...]
    uart: Uart
    timer: Timer
    emulator: Emulator | None

    @property
    def timer_samples(self) -> int:
        """Timer readings whose sum has the emulator's resolution: instructions a tick takes."""
        if self.emulator is None or self.emulator.instructions_per_second % self.timer.hz:
            return 1
        return self.emulator.instructions_per_second // self.timer.hz

    def memory(self, kind: str) -> Memory:
        """The first memory of a kind: where code lies, or data."""
        return next(m for m in self.memories if m.kind == kind)


def boards() -> list[Board]:
    """Every board that comes with whit, by name."""
    return [load_board(path.parent.name) for path in sorted(_folder().glob("*/board.toml"))]


def load_board(name: str | os.PathLike[str]) -> Board:
    """A board by name, or by the path of its `board.toml` or the folder that holds it.

    Raises InputError for a board that is unknown (listing the known ones) or badly described.
    """
    path = _folder() / os.fspath(name) / "board.toml"
    if not path.is_file():
        path = Path(name)
        path = path / "board.toml" if path.is_dir() else path
    if not path.is_file() or path.suffix != ".toml":
        known = ", ".join(p.parent.name for p in sorted(_folder().glob("*/board.toml")))
        raise InputError(
            f"there is no board '{os.fspath(name)}'; choose one of {known}, or name a board.toml"
        )
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as TOML: {error}") from error
    return _Description(path, table).board()


def _folder() -> Path:
    return Path(__file__).parent


class _Description:
    """A board.toml being read: every complaint names the file and the key."""

    def __init__(self, path: Path, table: Mapping[str, Any]):
        self.path = path
        self.table = table

    def board(self) -> Board:
        known = {"description", "target", "soc", "clock_hz", "stack_bytes", "memory", "uart",
                 "timer", "emulator"}  # fmt: skip
        self._only(self.table, known, "")
        uart = self._get(self.table, "uart", dict)
        timer = self._get(self.table, "timer", dict)
        self._only(uart, {"address", "baud"}, "uart.")
        self._only(timer, {"address", "hz"}, "timer.")
        return Board(
            name=self.path.parent.name,
            description=self._get(self.table, "description", str),
            target=self._target(),
            soc=self._soc(),
            clock_hz=self._positive(self.table, "clock_hz"),
            stack_bytes=self._stack(),
            memories=self._memories(),
            uart=Uart(self._address(uart, "uart."), self._positive(uart, "baud", "uart.")),
            timer=Timer(self._address(timer, "timer."), self._positive(timer, "hz", "timer.")),
            emulator=self._emulator(),
        )

    def _fail(self, text: str) -> InputError:
        return InputError(f"{self.path}: {text}")

    def _only(self, table: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in table:
            if key not in known:
                keys = ", ".join(sorted(known))
                raise self._fail(f"'{where}{key}' is not a key; known are {keys}")

    def _get(self, table: Mapping[str, Any], key: str, kind: type, where: str = "") -> Any:
        if key not in table:
            raise self._fail(f"'{where}{key}' is missing")
        value = table[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._fail(f"'{where}{key}' must be a {_TOML_NAMES[kind]}, not {value!r}")
        return value

    def _positive(self, table: Mapping[str, Any], key: str, where: str = "") -> int:
        value: int = self._get(table, key, int, where)
        if value <= 0:
            raise self._fail(f"'{where}{key}' must be above 0, not {value}")
        return value

    def _address(self, table: Mapping[str, Any], where: str) -> int:
        value: int = self._get(table, "address", int, where)
        if not 0 <= value < 1 << 32 or value % 4:
            raise self._fail(f"'{where}address' must be a word-aligned 32-bit address")
        return value

    def _strings(self, table: Mapping[str, Any], key: str, where: str = "") -> tuple[str, ...]:
        values = self._get(table, key, list, where)
        if not values or not all(isinstance(v, str) for v in values):
            raise self._fail(f"'{where}{key}' must be a list of strings, not empty")
        return tuple(values)

    def _target(self) -> Target:
        name = self._get(self.table, "target", str)
        try:
            target = load_target(name)
        except InputError as error:
            raise self._fail(str(error)) from error
        if target.is_host:
            raise self._fail(f"target '{target.name}' is the desktop; a board needs another one")
        return target

    def _soc(self) -> tuple[str, ...]:
        families = self._strings(self.table, "soc")
        for family in families:
            if not (_folder() / "_soc" / family).is_dir():
                raise self._fail(f"'soc' names '{family}', which boards/_soc does not have")
        return families

    def _stack(self) -> int:
        stack = self._positive(self.table, "stack_bytes")
        if stack % 8:
            raise self._fail(f"'stack_bytes' must be a multiple of 8, not {stack}")
        return stack

    def _memories(self) -> tuple[Memory, ...]:
        rows = self._get(self.table, "memory", list)
        memories: list[Memory] = []
        for index, row in enumerate(rows):
            where = f"memory[{index}]."
            if not isinstance(row, dict):
                raise self._fail(f"'memory[{index}]' must be a table")
            self._only(row, {"name", "kind", "address", "bytes"}, where)
            memory = Memory(
                self._get(row, "name", str, where),
                self._get(row, "kind", str, where),
                self._address(row, where),
                self._positive(row, "bytes", where),
            )
            self._check(memory, memories, where)
            memories.append(memory)
        for kind in KINDS:
            if not any(m.kind == kind for m in memories):
                raise self._fail(f"no memory is of kind '{kind}'")
        return tuple(memories)

    def _check(self, memory: Memory, others: list[Memory], where: str) -> None:
        if not memory.name.isidentifier() or not memory.name.isascii():
            raise self._fail(f"'{where}name' must be an identifier, not '{memory.name}'")
        if memory.kind not in KINDS:
            raise self._fail(f"'{where}kind' must be one of {', '.join(KINDS)}")
        if memory.end > 1 << 32:
            raise self._fail(f"memory '{memory.name}' ends above the 32-bit address space")
        for other in others:
            if memory.name == other.name:
                raise self._fail(f"two memories are called '{memory.name}'")
            if memory.address < other.end and other.address < memory.end:
                raise self._fail(f"memories '{other.name}' and '{memory.name}' overlap")

    def _emulator(self) -> Emulator | None:
        if "emulator" not in self.table:
            return None
        table = self._get(self.table, "emulator", dict)
        self._only(table, {"command", "package", "instructions_per_second"}, "emulator.")
        command = self._strings(table, "command", "emulator.")
        if not any("{elf}" in word for word in command):
            raise self._fail("'emulator.command' has no '{elf}' for the firmware")
        return Emulator(
            command,
            self._get(table, "package", str, "emulator."),
            self._positive(table, "instructions_per_second", "emulator."),
        )


_TOML_NAMES = {str: "string", int: "whole number", list: "list", dict: "table"}

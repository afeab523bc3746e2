"""What runtime, kernels and loader may take on a Cortex-M4: measured on linked images of kws."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.support import SHARED
from whit.boards import linker
from whit.boards.board import load_board
from whit.boards.build import build, kernel_sources
from whit.boards.size import image_sizes
from whit.boards.toolchain import Job, toolchain
from whit.converter.importers import load
from whit.runtime import paths
from whit.runtime.compile import compile_graph
from whit.runtime.kernel_table import kernels
from whit.runtime.tape import Program

BOARD = load_board("qemu-mps2-an386")
CODE = 14_000
LOADER = 6_000

pytestmark = pytest.mark.skipif(
    SHARED is None or importlib.util.find_spec("ziglang") is None,
    reason="needs the kws model and ziglang",
)

LOADING = """\
#include "generic/generic.h"
#include "whit/params.h"

static const whit_kernel kernels[] = {{
{runs}
}};
static const whit_contract contracts[] = {{
{contracts}
}};
static const whit_kernel_set set = {{kernels, contracts, {count}}};
extern const uint8_t file[];
void Reset_Handler(void);
__attribute__((section(".vectors"), used)) void (*const entry)(void) = Reset_Handler;
void Reset_Handler(void) {{
  whit_program program;
  whit_instance net;
  static uint8_t arena[64];
  if (whit_load(&program, file, 4096, &set, NULL) == WHIT_OK &&
      whit_init(&net, &program, arena, sizeof arena, NULL, 0) == WHIT_OK) {{
    whit_run(&net);
  }}
}}
"""


@pytest.fixture(scope="module")
def kws() -> Program:
    assert SHARED is not None
    return compile_graph(load(SHARED / "models" / "kws_int8.tflite"), BOARD.target.name)


@pytest.fixture(scope="module")
def emitted_code(kws: Program, tmp_path_factory: pytest.TempPathFactory) -> int:
    return build(kws, BOARD, tmp_path_factory.mktemp("kws") / "kws.elf").sizes.code


def test_runtime_and_kernels(emitted_code: int) -> None:
    assert 0 < emitted_code <= CODE


def test_loader_and_validators(kws: Program, emitted_code: int, tmp_path: Path) -> None:
    """The same kernels in an image that loads a `.whit` file: all that it has more."""
    used = {name for name, _ in kws.kernels}
    rows = [(kernels()[name].id, name, kernels()[name].params) for name, _ in kws.kernels]
    main = tmp_path / "loading.c"
    main.write_text(
        LOADING.format(
            count=len(rows),
            runs="\n".join(f"{{WHIT_KEY({i}, 0), whit_{n}_generic}}," for i, n, _ in rows),
            contracts="\n".join(
                f'{{WHIT_KEY({i}, 0), "{kernels()[n].access}", sizeof(whit_{p}_params), '
                f"whit_{n}_generic_validate, whit_{n}_generic_scratch, whit_{n}_generic_lag}},"
                for i, n, p in rows
            ),
        )
    )
    file = tmp_path / "file.c"
    file.write_text("_Alignas(16) const unsigned char file[4096] = {1};")
    memory = Path(linker.__file__).parent / "_soc" / "freestanding"
    tools = toolchain("zig", BOARD.target, memory)
    generic = paths.kernel_set_directory("generic")
    include = [paths.include_directory(), generic.parent]
    jobs = []
    for module, source, flags in [
        (linker.RUNTIME, main, ["-Os"]),
        (linker.MODEL, file, ["-Os"]),
        (linker.SUPPORT, memory / "memory.c", ["-O2", "-fno-builtin", "-fno-unroll-loops"]),
        *((linker.RUNTIME, source, ["-Os"]) for source in paths.core_sources()),
        *((linker.KERNELS, s, BOARD.target.optimize) for s in kernel_sources("generic", used)),
    ]:
        out = tmp_path / linker.object_name(module, f"{source.parent.name}-{source.stem}")
        jobs.append(Job(source, out, include, flags))
    tools.compile(jobs)
    script = tmp_path / "link.ld"
    script.write_text(linker.linker_script(BOARD))
    elf = tmp_path / "loading.elf"
    tools.link([job.out for job in jobs], script, "Reset_Handler", elf)
    more = image_sizes(elf, BOARD).code - emitted_code
    assert 0 < more <= LOADER

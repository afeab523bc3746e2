"""From a trained float model to a microcontroller: python examples/digits/demo.py

Quantizes digits.onnx, runs every held-out digit on the desktop, some of them on an emulated
Cortex-M4, and exits with an error unless both gave the same bits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from data import load

import whit
from whit.boards.board import load_board
from whit.boards.device import Device
from whit.converter.ir import Graph, Quantization
from whit.quantize import Samples, quantize
from whit.runtime.compile import compile_graph

MODEL = Path(__file__).with_name("digits.onnx")
CALIBRATION_SAMPLES = 200


def stored(images: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Pixels as the int8 model takes them."""
    codes = np.rint(images / quantization.scale[0]) + quantization.zero_point[0]
    return np.clip(codes, -128, 127).astype(np.int8)


def predictions(graph: Graph, images: np.ndarray) -> np.ndarray:
    """Outputs of `graph` on the desktop, one row an image."""
    session = whit.Session(graph)
    name = graph.inputs[0]
    return np.concatenate([session.run({name: x[None]})[graph.outputs[0]] for x in images])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--board", default="qemu-mps2-an386")
    arguments.add_argument("--on-board", type=int, default=25, help="digits to run on the board")
    options = arguments.parse_args()

    training, test = load()
    graph = whit.load(MODEL)
    name = graph.inputs[0]
    int8 = quantize(graph, Samples({name: training.x[:CALIBRATION_SAMPLES, None]}))
    quantization = int8.tensors[name].quantization
    assert quantization is not None
    images = stored(test.x, quantization)

    float_scores = predictions(graph, test.x)
    int8_scores = predictions(int8, images)

    board = load_board(options.board)
    program = compile_graph(int8, board.target.name)
    with Device.of(program, board) as device:
        on_board = np.concatenate(
            [
                device.run({name: image[None]})[int8.outputs[0]]
                for image in images[: options.on_board]
            ]
        )
        instructions = device.instructions({name: images[:1]})
        sizes = device.firmware.sizes
    equal = int((on_board == int8_scores[: len(on_board)]).all(axis=1).sum())

    for label, value in (
        ("held-out digits", f"{len(test.y)}"),
        ("accuracy, float", f"{(float_scores.argmax(axis=1) == test.y).mean():.1%}"),
        ("accuracy, int8", f"{(int8_scores.argmax(axis=1) == test.y).mean():.1%}"),
        ("board", f"{board.name}, {board.description}"),
        ("flash", f"{sizes.flash.total:,} bytes; runtime and kernels {sizes.code:,}"),
        ("RAM", f"{sizes.ram.total:,} bytes; tensors {program.arena_bytes:,}"),
        ("instructions per inference", f"{instructions:,}"),
        ("board equals desktop, bit for bit", f"{equal} of {len(on_board)} digits"),
    ):
        print(f"{label:34} {value}")
    if equal != len(on_board):
        print("error: the board and the desktop disagree", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Compile what script/fuzz starts from: the small graphs, and real models where they are.

    python -m tests.fuzz.make_programs FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.random_graphs import random_graph
from tests.small_graphs import NETWORKS
from tests.support import model_files, wake_word_files
from whit.converter.importers import load
from whit.runtime.compile import compile_graph

RANDOM_GRAPHS = 12
LARGEST = 120_000
"""Bytes of a program; more make rounds slow and teach nothing new."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    graphs = [make() for make in NETWORKS]
    graphs += [random_graph(seed) for seed in range(RANDOM_GRAPHS)]
    graphs += [load(path) for path in [*model_files(), *wake_word_files()]]
    for number, graph in enumerate(graphs):
        data = compile_graph(graph, optimize=number % 2 == 0).to_bytes()
        if len(data) <= LARGEST:
            (folder / f"{number:02}.whit").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

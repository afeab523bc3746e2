"""Random int8 graphs: operators chained, branching and joining, with states, odd shapes and
extreme quantizations. The same seed draws the same graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.small_graphs import SOFTMAX_QUANTIZATION, Builder
from tests.support import int8_tensor
from whit.converter.build import add_node
from whit.converter.ir import Graph, Quantization, Tensor
from whit.converter.ops.quantization import FIXED_OUTPUT

ACTIVATIONS = ("none", "relu", "relu6", "relu_n1_to_1")
UNARY = ("sigmoid", "tanh", "softmax", "leaky_relu", "clip", "quantize")
ZERO_POINTS = (-128, -127, -1, 0, 1, 126, 127)
LARGEST = 4000
"""Elements of a tensor; operators that would make more are not drawn."""


class RandomGraph:
    """Draws operators one after another on the tensors there are so far."""

    def __init__(self, seed: int):
        self.builder = Builder(f"random_{seed}", seed)
        self.graph: Graph = self.builder.graph
        self.random = self.builder.random
        self.values: list[str] = []

    def draw(self) -> Graph:
        for number in range(self.integer(1, 3)):
            rank = int(self.random.choice([1, 2, 3, 4, 4, 4, 4, 4]))
            shape = (1, *self.shape(rank - 1)) if self.chance(0.8) else self.shape(rank)
            self.values.append(self.builder.input(self.tensor(f"x{number}", shape)))
        operators = [method for name, method in vars(RandomGraph).items() if name.startswith("op_")]
        for _ in range(self.integer(3, 14)):
            operator: Callable[[RandomGraph], None] = operators[self.integer(0, len(operators) - 1)]
            operator(self)
        read = {name for node in self.graph.nodes for name in node.inputs}
        made = [name for node in self.graph.nodes for name in node.outputs]
        self.graph.outputs = [n for n in made if n not in read or self.chance(0.1)] or made[-1:]
        if not made:
            return RandomGraph(int(self.random.integers(1 << 40))).draw()
        return self.graph

    # Parameters.

    def integer(self, low: int, high: int) -> int:
        """In [low, high]."""
        return int(self.random.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def shape(self, rank: int) -> tuple[int, ...]:
        return tuple(int(self.random.choice([1, 2, 3, 4, 5, 7, 8, 9, 11])) for _ in range(rank))

    def quantization(self, near: float | None = None) -> Quantization:
        """Any, or with a scale within a factor of 4 of `near`."""
        scale = np.exp(self.random.uniform(-6, 1)) if near is None else (
            near * 2.0 ** self.random.uniform(-1, 2))
        zero_point = self.integer(-128, 127)
        if self.chance(0.4):
            zero_point = int(self.random.choice(ZERO_POINTS))
        return Quantization.per_tensor(float(np.clip(scale, 1e-4, 1e3)), zero_point)

    def tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        q = self.quantization()
        return int8_tensor(name, *shape, scale=float(q.scale[0]), zero_point=int(q.zero_point[0]))

    def activation(self) -> str:
        return str(self.random.choice(ACTIVATIONS, p=[0.55, 0.15, 0.15, 0.15]))

    # Tensors there are.

    def at(self, name: str) -> Tensor:
        return self.graph.tensors[name]

    def scale(self, name: str) -> float:
        return float(self.own(name).scale[0])

    def own(self, name: str) -> Quantization:
        quantization = self.at(name).quantization
        assert quantization is not None
        return quantization

    def pick(self, fits: Callable[[Tensor], bool] = lambda tensor: True) -> str | None:
        """A tensor, more often a late one, for which `fits`."""
        found = [name for name in self.values if fits(self.at(name))]
        if not found:
            return None
        return found[-1] if self.chance(0.6) else found[self.integer(0, len(found) - 1)]

    def image(self) -> str | None:
        """A tensor of rank 4; one of another rank reshaped where there is none."""
        name = self.pick(lambda t: len(t.shape) == 4)
        if name is None and (name := self.pick()) is not None:
            extents = [1, 1, 1, 1, *self.at(name).shape]
            while len(extents) > 4:
                first = extents.index(1) if 1 in extents else 0
                extents[first : first + 2] = [extents[first] * extents[first + 1]]
            name = self.put("reshape", [name], self.own(name), shape=tuple(extents))
        return name

    def put(
        self, op: str, inputs: list[str], quantization: Quantization, **attributes: object
    ) -> str:
        name = self.builder.op(op, inputs, quantization, **attributes)
        self.values.append(name)
        return name

    # Operators: each adds a node or, where nothing there is fits, none.

    def window(self, shape: tuple[int, ...], dilated: bool = True) -> dict[str, object] | None:
        """kernel, strides, padding and dilations that leave an output, else None."""
        kernel = (self.integer(1, 4), self.integer(1, 4))
        strides = (self.integer(1, 3), self.integer(1, 3))
        dilations = (self.integer(1, 2), self.integer(1, 2)) if dilated and strides == (1, 1) else (
            (1, 1))
        kind = self.integer(0, 2)
        padding = []
        for axis in (0, 1):
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            size = shape[1 + axis]
            pads = (0, 0)
            if kind == 1:  # TFLite's SAME
                total = max((-(-size // strides[axis]) - 1) * strides[axis] + reach - size, 0)
                pads = (total // 2, total - total // 2)
            elif kind == 2 and dilated:
                pads = (self.integer(0, reach - 1), self.integer(0, reach - 1))
            if size + sum(pads) < reach:
                return None
            padding.append(pads)
        window: dict[str, object] = {
            "kernel": kernel, "strides": strides, "padding": tuple(padding)}
        return window | {"dilations": dilations} if dilated else window

    def weighted(self, op: str, x: str, shape: tuple[int, ...], axis: int, **more: object) -> None:
        weights = self.builder.weights("w", shape, axis if self.chance(0.8) else None)
        inputs = [x, weights]
        if self.chance(0.8):
            inputs.append(self.builder.bias(shape[axis], weights, x))
        taps = int(np.prod(shape)) // shape[axis]
        spread = 60 * 60 * np.sqrt(taps) * float(self.own(weights).scale.mean()) * self.scale(x)
        self.put(op, inputs, self.quantization(spread / 100), activation=self.activation(), **more)

    def op_conv2d(self) -> None:
        x = self.image()
        if x is None or (window := self.window(self.at(x).shape)) is None:
            return
        channels = self.at(x).shape[3]
        groups = int(self.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
                     if self.chance(0.25) else 1)
        kernel = window.pop("kernel")
        assert isinstance(kernel, tuple)
        filters = groups * self.integer(1, 5)
        self.weighted("conv2d", x, (filters, *kernel, channels // groups), 0, groups=groups,
                      **window)

    def op_depthwise_conv2d(self) -> None:
        x = self.image()
        if x is None or (window := self.window(self.at(x).shape)) is None:
            return
        kernel = window.pop("kernel")
        assert isinstance(kernel, tuple)
        multiplier = 2 if self.chance(0.2) else 1
        self.weighted("depthwise_conv2d", x, (1, *kernel, self.at(x).shape[3] * multiplier), 3,
                      **window)

    def op_fully_connected(self) -> None:
        if (x := self.pick(lambda t: len(t.shape) >= 2)) is not None:
            self.weighted("fully_connected", x, (self.integer(1, 9), self.at(x).shape[-1]), 0)

    def op_pool(self) -> None:
        x = self.image()
        if x is None or (window := self.window(self.at(x).shape, dilated=False)) is None:
            return
        op = "max_pool2d" if self.chance(0.5) else "average_pool2d"
        self.put(op, [x], self.own(x), activation=self.activation(), **window)

    def op_mean(self) -> None:
        if (x := self.image()) is not None:
            axes = tuple(a for a in range(4) if self.chance(0.5)) or (1, 2)
            self.put("mean", [x], self.quantization(self.scale(x) / 2), axes=axes,
                     keepdims=self.chance(0.5) or axes == (0, 1, 2, 3))

    def op_sum(self) -> None:
        """add, sub or mul, of equal shapes or broadcast, also of a tensor with itself."""
        a = self.pick()
        if a is None:
            return
        shape = self.at(a).shape
        broadcast = tuple(1 if self.chance(0.3) else n for n in shape)
        b = self.pick(lambda t: t.shape == shape)
        if b is None or self.chance(0.4):
            b = self.builder.weights("operand", broadcast, None)
        op = str(self.random.choice(["add", "sub", "mul"]))
        scales = self.scale(a), self.scale(b)
        near = scales[0] * scales[1] * 60 if op == "mul" else 2 * max(scales)
        inputs = [a, b] if self.chance(0.8) else [b, a]
        self.put(op, inputs, self.quantization(near), activation=self.activation())

    def op_unary(self) -> None:
        if (x := self.pick()) is None:
            return
        op = str(self.random.choice(UNARY))
        if op in FIXED_OUTPUT and op != "softmax":
            self.put(op, [x], FIXED_OUTPUT[op])
        elif op == "softmax":
            if len(self.at(x).shape) >= 2 and self.scale(x) > 1e-3:
                self.put(op, [x], SOFTMAX_QUANTIZATION)
        elif op == "leaky_relu":
            self.put(op, [x], self.quantization(self.scale(x)), alpha=self.random.uniform(0, 1))
        elif op == "clip":
            bounds = {"min": 0.0} if self.chance(0.5) else {"min": 0.0, "max": 6.0}
            self.put(op, [x], self.quantization(self.scale(x)), **bounds)
        else:
            self.put(op, [x], self.quantization(self.scale(x)), dtype="int8")

    def op_prelu(self) -> None:
        if (x := self.image()) is not None:
            alpha = self.builder.weights("alpha", (1, 1, self.at(x).shape[3]), None)
            self.put("prelu", [x, alpha], self.quantization(self.scale(x)))

    def op_resize(self) -> None:
        x = self.image()
        if x is not None and self.at(x).elements < LARGEST // 4:
            mode = str(self.random.choice(["asymmetric", "align_corners", "half_pixel"]))
            size = (self.integer(1, 9), self.integer(1, 9))
            if self.chance(0.5):
                self.put("resize_bilinear", [x], self.own(x), size=size, coordinates=mode)
            else:
                rounding = "floor" if mode == "asymmetric" else "round_half_up"
                self.put("resize_nearest", [x], self.own(x), size=size, coordinates=mode,
                         rounding=rounding)

    def op_reshape(self) -> None:
        if (x := self.pick()) is not None:
            shape = list(self.at(x).shape)
            self.random.shuffle(shape)
            self.put("reshape", [x], self.own(x), shape=tuple(shape))

    def op_transpose(self) -> None:
        if (x := self.pick(lambda t: len(t.shape) > 1)) is not None:
            perm = tuple(int(i) for i in self.random.permutation(len(self.at(x).shape)))
            self.put("transpose", [x], self.own(x), perm=perm)

    def op_slice(self) -> None:
        if (x := self.pick(lambda t: len(t.shape) <= 4)) is not None:
            begin, size, step = [], [], []
            for extent in self.at(x).shape:
                stride = self.integer(1, 2) if self.chance(0.8) else -1
                first = self.integer(0, extent - 1)
                room = first // -stride if stride < 0 else (extent - 1 - first) // stride
                begin.append(first)
                size.append(self.integer(1, abs(room) + 1))
                step.append(stride)
            if self.chance(0.5):
                step = [1] * len(step)
                ends = self.at(x).shape
                size = [self.integer(1, e - b) for e, b in zip(ends, begin, strict=True)]
            self.put("slice", [x], self.own(x), begin=tuple(begin), size=tuple(size),
                     step=tuple(step))

    def op_split(self) -> None:
        if (x := self.pick(lambda t: max(t.shape) > 1)) is not None:
            axis = int(np.argmax(self.at(x).shape))
            first = self.integer(1, self.at(x).shape[axis] - 1)
            names = [self.graph.fresh("piece"), self.graph.fresh("rest")]
            add_node(self.graph, "split", self.graph.fresh("split"), [x], names,
                     [self.own(x)] * 2, axis=axis, sizes=(first, self.at(x).shape[axis] - first))
            self.values += names

    def op_concat(self) -> None:
        """With other tensors that fit, requantized where they must be, or with itself."""
        x = self.pick()
        if x is None or self.at(x).elements > LARGEST // 3:
            return
        rank = len(self.at(x).shape)
        axis = self.integer(0, rank - 1)

        def fits(other: Tensor) -> bool:
            return len(other.shape) == rank and all(
                a == axis or n == self.at(x).shape[a] for a, n in enumerate(other.shape))

        parts = [x]
        for _ in range(self.integer(1, 2)):
            part = self.pick(fits)
            assert part is not None  # x itself fits
            if self.own(part) != self.own(x):
                part = self.put("quantize", [part], self.own(x), dtype="int8")
            parts.insert(self.integer(0, len(parts)), part)
        if sum(self.at(p).elements for p in parts) < LARGEST:
            self.put("concat", parts, self.own(x), axis=axis)

    def op_pad(self) -> None:
        x = self.pick(lambda t: len(t.shape) <= 4 and t.elements < LARGEST // 4)
        if x is not None:
            pads = tuple((self.integer(0, 1), self.integer(0, 1)) for _ in self.at(x).shape)
            value = 0.0 if self.chance(0.5) else float(self.scale(x) * self.integer(-90, 90))
            self.put("pad", [x], self.own(x), paddings=pads, value=value)

    def op_state(self) -> None:
        """The last rows of what went before, as a streaming convolution keeps them; or a sum."""
        x = self.pick(lambda t: t.elements < LARGEST // 4)
        if x is None or len(self.graph.states) == 3:
            return
        shape = self.at(x).shape
        old = Tensor(self.graph.fresh("old"), shape, self.at(x).dtype, None, self.own(x))
        self.graph.add(old)
        initial = self.random.integers(-128, 128, shape).astype(np.int8)
        if self.chance(0.5):
            initial[...] = self.own(x).zero_point[0]
        if self.chance(0.4):
            new = self.put("add", [old.name, x], self.own(x))
        elif self.chance(0.3):
            new = x if not any(s.output == x for s in self.graph.states) else self.put(
                "pad", [x], self.own(x), paddings=((0, 0),) * len(shape))
        else:
            axis = self.integer(0, len(shape) - 1)
            joined = self.put("concat", [old.name, x], self.own(x), axis=axis)
            begin = tuple(1 if a == axis else 0 for a in range(len(shape)))
            new = self.put("slice", [joined], self.own(x), begin=begin, size=shape,
                           step=(1,) * len(shape))
        self.builder.state(old, new, initial)
        self.values.insert(self.integer(0, len(self.values)), old.name)


def random_graph(seed: int) -> Graph:
    """An int8 graph of 3 to some 20 operators that TFLite can hold."""
    return RandomGraph(seed).draw()

"""The few neural-network layers the digits model needs, forward and backward, in numpy.

Activations are float32 [N,C,H,W]. A layer keeps what its backward pass needs from the forward
pass before it; `gradients` line up with `parameters`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Layer:
    """A function with parameters: forward(x) -> y, then backward(dL/dy) -> dL/dx."""

    def __init__(self) -> None:
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def leaves(self) -> Iterator[Layer]:
        """This layer, or the ones it is made of."""
        yield self


def _he(random: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Initial weights of He et al. 2015, for layers followed by relu."""
    return (random.normal(size=shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)


def _shifted(x: np.ndarray, row: int, column: int, shape: tuple[int, ...]) -> np.ndarray:
    return x[:, :, row : row + shape[2], column : column + shape[3]]


def _padded(x: np.ndarray, pad: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))


class Conv(Layer):
    """Convolution, stride 1, "same" padding, square odd kernel; weights [O,C,K,K], bias [O]."""

    groups = 1

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self.kernel = kernel
        weights = _he(random, (outputs, inputs, kernel, kernel), inputs * kernel * kernel)
        self.parameters = [weights, np.zeros(outputs, np.float32)]

    def forward(self, x: np.ndarray) -> np.ndarray:
        weights, bias = self.parameters
        k = self.kernel
        self.shape = x.shape
        padded = _padded(x, k // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))
        n, c, h, w = x.shape
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * k * k)
        y = self.columns @ weights.reshape(len(weights), -1).T + bias
        return y.reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        weights, _ = self.parameters
        k = self.kernel
        n, c, h, w = self.shape
        flat = dy.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.gradients = [(flat.T @ self.columns).reshape(weights.shape), flat.sum(axis=0)]
        dcolumns = (flat @ weights.reshape(len(weights), -1)).reshape(n, h, w, c, k, k)
        dx = np.zeros((n, c, h + k - 1, w + k - 1), np.float32)
        for i in range(k):
            for j in range(k):
                _shifted(dx, i, j, self.shape)[...] += dcolumns[..., i, j].transpose(0, 3, 1, 2)
        return dx[:, :, k // 2 : k // 2 + h, k // 2 : k // 2 + w]


class Depthwise(Layer):
    """3×3 convolution of each channel by itself, stride 1, "same"; weights [C,1,3,3], bias [C]."""

    def __init__(self, random: np.random.Generator, channels: int):
        super().__init__()
        self.groups = channels
        self.kernel = 3
        self.parameters = [_he(random, (channels, 1, 3, 3), 9), np.zeros(channels, np.float32)]

    def forward(self, x: np.ndarray) -> np.ndarray:
        weights, bias = self.parameters
        self.shape, self.padded = x.shape, _padded(x, 1)
        y = np.zeros_like(x) + bias[:, None, None]
        for i in range(3):
            for j in range(3):
                y += weights[:, 0, i, j, None, None] * _shifted(self.padded, i, j, x.shape)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        weights, _ = self.parameters
        dweights, dx = np.zeros_like(weights), np.zeros_like(self.padded)
        for i in range(3):
            for j in range(3):
                window = _shifted(self.padded, i, j, self.shape)
                dweights[:, 0, i, j] = (dy * window).sum(axis=(0, 2, 3))
                _shifted(dx, i, j, self.shape)[...] += weights[:, 0, i, j, None, None] * dy
        self.gradients = [dweights, dy.sum(axis=(0, 2, 3))]
        return dx[:, :, 1:-1, 1:-1]


class Relu(Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        self.positive = x > 0
        return x * self.positive

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.positive


class MaxPool(Layer):
    """Maximum over 2×2 windows, stride 2."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = windows.max(axis=(3, 5))
        winners = windows == y[:, :, :, None, :, None]
        self.share = winners / winners.sum(axis=(3, 5), keepdims=True)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        n, c, h, w = dy.shape
        spread = (self.share * dy[:, :, :, None, :, None]).astype(np.float32)
        return spread.reshape(n, c, h * 2, w * 2)


class Flatten(Layer):
    """[N,C,H,W] -> [N,C*H*W]."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)


class Dense(Layer):
    """[N,C] -> [N,O]; weights [O,C], bias [O]."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int):
        super().__init__()
        weights = _he(random, (outputs, inputs), inputs)
        self.parameters = [weights, np.zeros(outputs, np.float32)]

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x @ self.parameters[0].T + self.parameters[1]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.gradients = [dy.T @ self.x, dy.sum(axis=0)]
        return dy @ self.parameters[0]


class Sequence(Layer):
    """Layers one after another."""

    def __init__(self, *layers: Layer):
        super().__init__()
        self.layers = layers

    def forward(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def leaves(self) -> Iterator[Layer]:
        for layer in self.layers:
            yield from layer.leaves()


class Residual(Sequence):
    """Layers one after another, and what went in added to what comes out."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return super().forward(x) + x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return super().backward(dy) + dy

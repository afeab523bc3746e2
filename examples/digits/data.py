"""scikit-learn's handwritten digits, split once and for all into training and test data.

1797 images of 8×8 pixels from the UCI "Optical Recognition of Handwritten Digits" data set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEST_SAMPLES = 500
_SPLIT_SEED = 20250101


@dataclass(frozen=True)
class Split:
    """x: float32 [N,1,8,8] from 0 (paper) to 1 (ink); y: int64 [N] digits."""

    x: np.ndarray
    y: np.ndarray


def load() -> tuple[Split, Split]:
    """The training split and the held-out test split; the same on every call and machine."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = (digits.images / 16.0).astype(np.float32)[:, None]
    y = digits.target.astype(np.int64)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(y))
    test, train = order[:TEST_SAMPLES], order[TEST_SAMPLES:]
    return Split(x[train], y[train]), Split(x[test], y[test])

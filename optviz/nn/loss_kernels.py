"""Losses with their gradients, for the compiler; loaded by `sources.with_vecmath` only.

Each returns the mean loss and writes its gradient. Exponentials are taken of numbers ≤ 0 only,
so that nothing overflows whatever the logits are.
"""

from __future__ import annotations

from optviz.compiled.vecmath import exp, log


def softmax_cross_entropy(logits, labels, gradient):  # type: ignore[no-untyped-def]
    """Mean over rows of log Σ exp(z) − z[label]; its gradient is (softmax(z) − one-hot)/n."""
    n, classes = logits.shape
    total = 0.0
    for i in range(n):
        largest = logits[i, 0]
        for j in range(1, classes):
            largest = max(largest, logits[i, j])
        weight = 0.0
        for j in range(classes):
            power = exp(logits[i, j] - largest)
            gradient[i, j] = power
            weight += power
        scale = 1.0 / (weight * n)
        for j in range(classes):
            gradient[i, j] *= scale
        gradient[i, labels[i]] -= 1.0 / n
        total += log(weight) + (largest - logits[i, labels[i]])
    return total / n


def soft_cross_entropy(logits, targets, gradient):  # type: ignore[no-untyped-def]
    """The same for targets that are rows of probabilities (one-hot, or smoothed)."""
    n, classes = logits.shape
    total = 0.0
    for i in range(n):
        largest = logits[i, 0]
        mass = 0.0
        for j in range(classes):
            largest = max(largest, logits[i, j])
            mass += targets[i, j]
        weight = 0.0
        for j in range(classes):
            power = exp(logits[i, j] - largest)
            gradient[i, j] = power
            weight += power
        level = log(weight)
        for j in range(classes):
            gradient[i, j] = (gradient[i, j] * mass / weight - targets[i, j]) / n
            # The difference first: beside a huge logit, the logarithm would be rounded away.
            total += targets[i, j] * (level + (largest - logits[i, j]))
    return total / n


def binary_cross_entropy(logits, targets, gradient):  # type: ignore[no-untyped-def]
    """Mean over all elements of max(z, 0) − z t + log(1 + exp(−|z|)); gradient (σ(z) − t)/count."""
    n, columns = logits.shape
    count = n * columns
    total = 0.0
    for i in range(n):
        for j in range(columns):
            z = logits[i, j]
            power = exp(-abs(z))
            total += max(z, 0.0) - z * targets[i, j] + log(1.0 + power)
            probability = (1.0 if z >= 0.0 else power) / (1.0 + power)
            gradient[i, j] = (probability - targets[i, j]) / count
    return total / count


def mean_squared_error(outputs, targets, gradient):  # type: ignore[no-untyped-def]
    """Mean over all elements of (z − t)²."""
    n, columns = outputs.shape
    count = n * columns
    total = 0.0
    for i in range(n):
        for j in range(columns):
            difference = outputs[i, j] - targets[i, j]
            total += difference * difference
            gradient[i, j] = 2.0 * difference / count
    return total / count

"""Loops of convolution and pooling over batches of images, for the compiler.

A batch of images is a matrix with a row for each pixel, (n · height · width, channels), in C order.
`sizes` holds height, width, kernel height and width, strides down and across, rows above and
columns left that are padded, and the height and width of what comes out.
"""

from __future__ import annotations

import numpy as np

__all__ = ["average_back", "average_pool", "gather", "max_back", "max_pool", "spread"]

#: So many channels are many.
WIDE = 8


def spread(x, sizes, cols):  # type: ignore[no-untyped-def]
    """Under each place of the kernel the pixels that it covers, in a row; 0 outside the image.

    Pixels side by side lie side by side in memory: each row of the kernel is one copy. Of many
    numbers it is a copy of a slice, which LLVM vectorises; few are sooner copied one by one.
    """
    h, w, kh, kw = sizes[0], sizes[1], sizes[2], sizes[3]
    sh, sw, top, left = sizes[4], sizes[5], sizes[6], sizes[7]
    oh, ow, c = sizes[8], sizes[9], x.shape[1]
    pixels, places = x.ravel(), cols.ravel()
    at = 0
    for i in range(x.shape[0] // (h * w)):
        for oy in range(oh):
            for ox in range(ow):
                first, last = max(left - ox * sw, 0), min(w + left - ox * sw, kw)
                for ky in range(kh):
                    y = oy * sh + ky - top
                    if not 0 <= y < h:
                        places[at : at + kw * c] = 0.0
                    elif c >= WIDE:
                        begin = ((i * h + y) * w + ox * sw - left + first) * c
                        source = pixels[begin : begin + (last - first) * c]
                        target = places[at : at + kw * c]
                        if last - first < kw:
                            target[:] = 0.0
                            target = target[first * c : last * c]
                        for k in range(source.size):
                            target[k] = source[k]
                    else:
                        begin = ((i * h + y) * w + ox * sw - left) * c
                        for k in range(first * c):
                            places[at + k] = 0.0
                        for k in range(first * c, last * c):
                            places[at + k] = pixels[begin + k]
                        for k in range(last * c, kw * c):
                            places[at + k] = 0.0
                    at += kw * c


def gather(cols, sizes, x):  # type: ignore[no-untyped-def]
    """The other way: each pixel gets the sum of all places that covered it."""
    h, w, kh, kw = sizes[0], sizes[1], sizes[2], sizes[3]
    sh, sw, top, left = sizes[4], sizes[5], sizes[6], sizes[7]
    oh, ow, c = sizes[8], sizes[9], x.shape[1]
    x[:, :] = 0.0
    pixels, places = x.ravel(), cols.ravel()
    at = 0
    for i in range(x.shape[0] // (h * w)):
        for oy in range(oh):
            for ox in range(ow):
                first, last = max(left - ox * sw, 0), min(w + left - ox * sw, kw)
                for ky in range(kh):
                    y = oy * sh + ky - top
                    begin = ((i * h + y) * w + ox * sw - left) * c
                    if 0 <= y < h and c >= WIDE:
                        target = pixels[begin + first * c : begin + last * c]
                        source = places[at + first * c : at + last * c]
                        for k in range(source.size):
                            target[k] += source[k]
                    elif 0 <= y < h:
                        for k in range(first * c, last * c):
                            pixels[begin + k] += places[at + k]
                    at += kw * c


def max_pool(x, sizes, y, which):  # type: ignore[no-untyped-def]
    """The largest of each place, and the row where it was (the first of equals); nan wins."""
    h, w, kh, kw = sizes[0], sizes[1], sizes[2], sizes[3]
    sh, sw, top, left = sizes[4], sizes[5], sizes[6], sizes[7]
    oh, ow, c = sizes[8], sizes[9], x.shape[1]
    for i in range(x.shape[0] // (h * w)):
        for oy in range(oh):
            a0, a1 = max(oy * sh - top, 0), min(oy * sh - top + kh, h)
            for ox in range(ow):
                b0, b1 = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
                row, first = (i * oh + oy) * ow + ox, (i * h + a0) * w + b0
                best, at = y[row], which[row * c : row * c + c]
                for k in range(c):
                    best[k] = x[first, k]
                    at[k] = first
                for a in range(a0, a1):
                    for b in range(b0, b1):
                        source = (i * h + a) * w + b
                        here = x[source]
                        # Without a branch, so that channels go side by side.
                        for k in range(c):
                            value, old = here[k], best[k]
                            wins = (not np.isnan(old)) & (not value <= old)
                            best[k] = value if wins else old
                            at[k] = source if wins else at[k]


def max_back(dy, which, dx):  # type: ignore[no-untyped-def]
    """The gradient goes where the largest was."""
    c = dy.shape[1]
    dx[:, :] = 0.0
    for row in range(dy.shape[0]):
        for k in range(c):
            dx[which[row * c + k], k] += dy[row, k]


def average_pool(x, sizes, y):  # type: ignore[no-untyped-def]
    """The mean of the pixels under each place; what is padded does not count."""
    h, w, kh, kw = sizes[0], sizes[1], sizes[2], sizes[3]
    sh, sw, top, left = sizes[4], sizes[5], sizes[6], sizes[7]
    oh, ow, c = sizes[8], sizes[9], x.shape[1]
    for i in range(x.shape[0] // (h * w)):
        for oy in range(oh):
            for ox in range(ow):
                row, count = (i * oh + oy) * ow + ox, 0
                for k in range(c):
                    y[row, k] = 0.0
                for ky in range(kh):
                    for kx in range(kw):
                        a, b = oy * sh + ky - top, ox * sw + kx - left
                        if 0 <= a < h and 0 <= b < w:
                            source = (i * h + a) * w + b
                            count += 1
                            for k in range(c):
                                y[row, k] += x[source, k]
                for k in range(c):
                    y[row, k] /= np.float64(max(count, 1))


def average_back(dy, sizes, dx):  # type: ignore[no-untyped-def]
    """Each pixel under a place gets its share of the place's gradient."""
    h, w, kh, kw = sizes[0], sizes[1], sizes[2], sizes[3]
    sh, sw, top, left = sizes[4], sizes[5], sizes[6], sizes[7]
    oh, ow, c = sizes[8], sizes[9], dx.shape[1]
    dx[:, :] = 0.0
    for i in range(dx.shape[0] // (h * w)):
        for oy in range(oh):
            for ox in range(ow):
                row = (i * oh + oy) * ow + ox
                a0, a1 = max(oy * sh - top, 0), min(oy * sh - top + kh, h)
                b0, b1 = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
                count = np.float64(max((a1 - a0) * (b1 - b0), 1))
                for a in range(a0, a1):
                    for b in range(b0, b1):
                        target = (i * h + a) * w + b
                        for k in range(c):
                            dx[target, k] += dy[row, k] / count

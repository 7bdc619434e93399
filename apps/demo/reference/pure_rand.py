"""The generator of the npm package pure-rand 8.4.2, so that both languages draw the same batches.

xoroshiro128+ keeps two 64-bit words, each as two 32-bit halves (s01:s00 and s11:s10, high:low). Halves
are held here as unsigned integers; `next` returns a signed 32-bit integer, as JavaScript's `| 0` does.
"""

MASK = 0xFFFFFFFF


class Xoroshiro128Plus:
    def __init__(self, seed):
        self.s01, self.s00, self.s11, self.s10 = MASK, ~seed & MASK, seed & MASK, 0

    def next(self):
        """The next integer, uniform on [-2^31, 2^31)."""
        out = (self.s00 + self.s10) & MASK
        s00, s01 = self.s00, self.s01
        a0, a1 = self.s10 ^ s00, self.s11 ^ s01
        self.s00 = (s00 << 24 ^ s01 >> 8 ^ a0 ^ a0 << 16) & MASK
        self.s01 = (s01 << 24 ^ s00 >> 8 ^ a1 ^ (a1 << 16 | a0 >> 16)) & MASK
        self.s10 = (a1 << 5 ^ a0 >> 27) & MASK
        self.s11 = (a0 << 5 ^ a1 >> 27) & MASK
        return out - 2**32 if out >= 2**31 else out


def uniform_int(rng, start, end):
    """A uniform integer on [start, end], both included; for ranges of at most 2^32 values.

    Draws at or above the largest multiple of the range are thrown away: keeping them would favour
    small values.
    """
    size = end - start + 1
    allowed = 2**32 // size * size
    draw = rng.next() + 2**31
    while draw >= allowed:
        draw = rng.next() + 2**31
    return draw % size + start

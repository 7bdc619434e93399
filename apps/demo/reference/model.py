"""The language model as a function of named weights.

    ids [B, T] -> embedding -> blocks -> RMS norm -> head -> logits [B, T, V]

Kernels are [in, out] and act as y = x W; there are no biases. With learnable multipliers a matrix acts as

    W_eff[i, j] = scalar * row[j] * W[i, j] * column[i]

where row has one entry per output feature (the last axis), column one per input feature (for the
embedding: one per token), and scalar is one number. A weight without multipliers acts as itself.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

EPSILON = 1e-6
ROTARY_BASE = 10000


@dataclass(frozen=True)
class Config:
    vocabulary: int
    width: int
    blocks: int
    heads: int
    mlp: int


def matrix_shapes(config):
    """Name -> [in, out] of every matrix."""
    v, d, m = config.vocabulary, config.width, config.mlp
    shapes = {'embedding/embeddings': (v, d)}
    for i in range(config.blocks):
        for name in ('query', 'key', 'value', 'output'):
            shapes[f'block{i}_{name}/kernel'] = (d, d)
        shapes[f'block{i}_gate/kernel'] = (d, m)
        shapes[f'block{i}_up/kernel'] = (d, m)
        shapes[f'block{i}_down/kernel'] = (m, d)
    shapes['head/kernel'] = (d, v)
    return shapes


def gain_names(config):
    blocks = [f'block{i}_{norm}/gain' for i in range(config.blocks) for norm in ('attention_norm', 'mlp_norm')]
    return [*blocks, 'norm/gain']


def multiplier_shapes(config):
    """Name -> shape of every multiplier: row and column everywhere, but no row on the head, where
    per-logit scales would learn the token frequencies and starve the features (paper, sec. 4.4)."""
    shapes = {}
    for name, (inputs, outputs) in matrix_shapes(config).items():
        if name != 'head/kernel':
            shapes[f'{name}/row_multiplier'] = (outputs,)
        shapes[f'{name}/column_multiplier'] = (inputs,)
    return shapes


def initial_weights(config, multipliers, seed):
    """Kernels N(0, 1/in) (variance), embedding N(0, 0.02^2), gains and multipliers 1.

    Multipliers draw nothing, so a seed gives the same matrices with and without them.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in matrix_shapes(config).items():
        deviation = 0.02 if name == 'embedding/embeddings' else 1 / math.sqrt(shape[0])
        weights[name] = torch.randn(shape, generator=generator) * deviation
    for name in gain_names(config):
        weights[name] = torch.ones(config.width)
    if multipliers:
        for name, shape in multiplier_shapes(config).items():
            weights[name] = torch.ones(shape)
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def effective(weights, name):
    matrix = weights[name]
    row = weights.get(f'{name}/row_multiplier')
    column = weights.get(f'{name}/column_multiplier')
    scalar = weights.get(f'{name}/scalar_multiplier')
    if scalar is not None:
        matrix = matrix * scalar
    if row is not None:
        matrix = matrix * row
    if column is not None:
        matrix = matrix * column[:, None]
    return matrix


def rms_norm(x, gain):
    """x / sqrt(mean(x^2) + epsilon) * gain over the last axis."""
    return F.rms_norm(x, gain.shape, gain, EPSILON)


def rotary_angles(length, size, dtype):
    """cos and sin of position * base^(-2i/size), each [T, size / 2]; computed in double precision."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x, cos, sin):
    """Turns each pair (x[i], x[i + size/2]) of x [B, H, T, size] by its angle."""
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat([x1 * cos - x2 * sin, x2 * cos + x1 * sin], dim=-1)


def attention(weights, block, h, heads, cos, sin):
    """Causal attention with H heads of size d / H: softmax(q k^T / sqrt(d / H)) v, merged, times Wo."""

    def project(name):
        return h @ effective(weights, f'block{block}_{name}/kernel')

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q = rotate(split(project('query')), cos, sin)
    k = rotate(split(project('key')), cos, sin)
    a = F.scaled_dot_product_attention(q, k, split(project('value')), is_causal=True)
    return a.transpose(1, 2).flatten(2) @ effective(weights, f'block{block}_output/kernel')


def mlp(weights, block, h):
    """(silu(h Wgate) * (h Wup)) Wdown."""
    gate = F.silu(h @ effective(weights, f'block{block}_gate/kernel'))
    up = h @ effective(weights, f'block{block}_up/kernel')
    return (gate * up) @ effective(weights, f'block{block}_down/kernel')


def logits(weights, config, ids):
    x = F.embedding(ids, effective(weights, 'embedding/embeddings'))
    cos, sin = rotary_angles(ids.shape[1], config.width // config.heads, x.dtype)
    for i in range(config.blocks):
        h = rms_norm(x, weights[f'block{i}_attention_norm/gain'])
        x = x + attention(weights, i, h, config.heads, cos, sin)
        h = rms_norm(x, weights[f'block{i}_mlp_norm/gain'])
        x = x + mlp(weights, i, h)
    return rms_norm(x, weights['norm/gain']) @ effective(weights, 'head/kernel')


def loss(weights, config, ids, targets):
    """Mean cross-entropy in nats over all B * T targets."""
    return F.cross_entropy(logits(weights, config, ids).flatten(0, 1), targets.flatten())

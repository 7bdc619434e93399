"""The demo's model with blocks of Mamba2, or of attention and Mamba2 side by side, in PyTorch.

The state-space recurrence is computed chunk by chunk, after the listing of Dao and Gu, 2024 (arXiv 2405.21060, sec. 6).
"""

import math

import torch
import torch.nn.functional as F
from model import effective, mlp, rms_norm, rotary_angles, rotate

TAPS = 4
CHUNK = 64


def matrix_shapes(size, vocabulary):
    """Name -> [in, out]; `size['parts']` are the demo's sizes of attention and of the state-space model."""
    d, m = size['width'], size['mlp']
    attention, state_space = size['parts']['attention'], size['parts']['stateSpace']
    shapes = {'embedding/embeddings': (vocabulary, d)}
    for i in range(size['blocks']):
        if attention:
            for name in ('query', 'key', 'value'):
                shapes[f'block{i}_{name}/kernel'] = (d, attention['width'])
            shapes[f'block{i}_output/kernel'] = (attention['width'], d)
        if state_space:
            inner, state, heads = state_space['inner'], state_space['state'], state_space['heads']
            for name, units in {'x': inner, 'B': state, 'C': state, 'dt': heads, 'z': inner}.items():
                shapes[f'block{i}_{name}/kernel'] = (d, units)
            shapes[f'block{i}_out/kernel'] = (inner, d)
        shapes[f'block{i}_gate/kernel'] = shapes[f'block{i}_up/kernel'] = (d, m)
        shapes[f'block{i}_down/kernel'] = (m, d)
    return shapes | {'head/kernel': (d, vocabulary)}


def initial_weights(size, vocabulary, multipliers):
    weights = {}
    for name, shape in matrix_shapes(size, vocabulary).items():
        deviation = 0.02 if name.startswith('embedding') else 1 / math.sqrt(shape[0])
        weights[name] = torch.randn(shape) * deviation
        if multipliers:
            weights[f'{name}/column_multiplier'] = torch.ones(shape[0])
            if name != 'head/kernel':
                weights[f'{name}/row_multiplier'] = torch.ones(shape[1])
    for i in range(size['blocks']):
        weights |= {f'block{i}_{norm}/gain': torch.ones(size['width']) for norm in ('attention_norm', 'mlp_norm')}
        if size['parts']['stateSpace']:
            heads, inner, state = (size['parts']['stateSpace'][key] for key in ('heads', 'inner', 'state'))
            channels = inner + 2 * state
            weights[f'block{i}_mamba2/taps'] = (torch.rand(channels, 1, TAPS) - 0.5) / math.sqrt(TAPS) * 2
            weights[f'block{i}_mamba2/bias'] = torch.zeros(channels)
            weights[f'block{i}_mamba2/dt_bias'] = torch.full((heads,), -4.0)
            weights[f'block{i}_mamba2/A_log'] = torch.rand(heads) * math.log(16)
            weights[f'block{i}_mamba2/D'] = torch.ones(heads)
    weights['norm/gain'] = torch.ones(size['width'])
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def sums_between(a):
    """[..., t] -> [..., t, t]: the sum of a over (j, i], or minus infinity where j > i."""
    total = a.cumsum(-1)
    between = total[..., :, None] - total[..., None, :]
    return between.masked_fill(~torch.ones_like(between, dtype=torch.bool).tril(), -torch.inf)


def state_space(x, a, B, C, chunk=CHUNK):
    """h <- exp(a) h + x B, y = h C; x [b, t, h, p], a [b, t, h], B and C [b, t, n]; t a multiple of the chunk."""
    chunk = min(chunk, x.shape[1])
    x, a, B, C = (each.unflatten(1, (-1, chunk)) for each in (x, a, B, C))
    a = a.permute(0, 3, 1, 2)  # [b, h, c, l]
    total = a.cumsum(-1)
    decay = sums_between(a).exp()
    inside = torch.einsum('bcln,bcsn,bhcls,bcshp->bclhp', C, B, decay, x)
    states = torch.einsum('bcln,bhcl,bclhp->bchpn', B, (total[..., -1:] - total).exp(), x)
    states = torch.cat([torch.zeros_like(states[:, :1]), states], 1)
    across = sums_between(F.pad(total[..., -1], (1, 0))).exp()
    before = torch.einsum('bhzc,bchpn->bzhpn', across, states)[:, :-1]
    outside = torch.einsum('bcln,bchpn,bhcl->bclhp', C, before, total.exp())
    return (inside + outside).flatten(1, 2)


def mamba2(weights, block, h, sizes):
    heads, inner, state = sizes['heads'], sizes['inner'], sizes['state']
    project = lambda name: h @ effective(weights, f'block{block}_{name}/kernel')
    own = lambda name: weights[f'block{block}_mamba2/{name}']
    read = torch.cat([project('x'), project('B'), project('C')], -1).transpose(1, 2)
    read = F.conv1d(F.pad(read, (TAPS - 1, 0)), own('taps'), own('bias'), groups=read.shape[1])
    x, B, C = F.silu(read).transpose(1, 2).split([inner, state, state], -1)
    x = x.unflatten(-1, (heads, -1))
    dt = F.softplus(project('dt') + own('dt_bias'))
    y = state_space(x * dt[..., None], -dt * own('A_log').exp(), B, C) + own('D')[:, None] * x
    return (y.flatten(2) * F.silu(project('z'))) @ effective(weights, f'block{block}_out/kernel')


def attention(weights, block, h, heads):
    split = lambda name: (h @ effective(weights, f'block{block}_{name}/kernel')).unflatten(-1, (heads, -1)).transpose(1, 2)
    q, k, v = split('query'), split('key'), split('value')
    cos, sin = rotary_angles(h.shape[1], q.shape[-1], h.dtype)
    a = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
    return a.transpose(1, 2).flatten(2) @ effective(weights, f'block{block}_output/kernel')


def loss(weights, size, ids, targets):
    x = F.embedding(ids, effective(weights, 'embedding/embeddings'))
    parts = size['parts']
    for i in range(size['blocks']):
        h = rms_norm(x, weights[f'block{i}_attention_norm/gain'])
        if parts['attention']:
            x = x + attention(weights, i, h, int(parts['attention']['heads']))
        if parts['stateSpace']:
            x = x + mamba2(weights, i, h, parts['stateSpace'])
        x = x + mlp(weights, i, rms_norm(x, weights[f'block{i}_mlp_norm/gain']))
    logits = rms_norm(x, weights['norm/gain']) @ effective(weights, 'head/kernel')
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

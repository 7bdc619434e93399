"""The text as numbers: vocabulary, the two parts, and batches of windows."""

from dataclasses import dataclass

import torch

from pure_rand import uniform_int


@dataclass(frozen=True)
class Text:
    vocabulary: str  # the sorted distinct code points; a character's id is its place here
    train: torch.Tensor  # [floor(0.9 N)] ids
    validation: torch.Tensor  # the remaining ids


def read_text(path):
    # Without newline='' Python would rewrite line ends, which JavaScript does not.
    with open(path, encoding='utf-8', newline='') as file:
        characters = file.read()
    vocabulary = ''.join(sorted(set(characters)))
    place = {character: i for i, character in enumerate(vocabulary)}
    ids = torch.tensor([place[character] for character in characters])
    # 0.9 * N in double precision, as JavaScript computes it.
    cut = int(0.9 * len(ids))
    return Text(vocabulary, ids[:cut], ids[cut:])


def draw_batch(ids, batch, length, rng):
    """`batch` windows at uniform offsets o: x = ids[o : o+T] and y = ids[o+1 : o+T+1], both [B, T]."""
    offsets = [uniform_int(rng, 0, len(ids) - length - 1) for _ in range(batch)]
    windows = ids[torch.tensor(offsets)[:, None] + torch.arange(length + 1)]
    return windows[:, :-1], windows[:, 1:]

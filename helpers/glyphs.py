"""Glyphs: letters drawn in the fonts that matplotlib ships, for transfer learning."""

import functools
import string
from pathlib import Path

import torch
from torch.nn import functional

from helpers.paths import DataError
from helpers.tables import Table

LATIN = string.ascii_letters

GREEK = "αβγδεζηθικλμνξοπρστυφχψω"


def render_glyphs(
    letters: str, per_class: int, generator: torch.Generator, size: int = 16
) -> Table:
    """Draw letters in the fonts that matplotlib ships, each a little different from every other.

    A picture shows one letter in one of twelve faces of DejaVu and STIX, turned by up to 15
    degrees, sheared by up to 0.2, scaled by 0.8 to 1.15, shifted by up to a twelfth of the picture,
    with grey noise. White on black.

    Args:
        letters: One class each, such as `LATIN` or `GREEK`.
        per_class: Pictures of each class.
        generator: On the CPU; all that is random comes from it.
        size: Pixels, across and down.

    Returns:
        Pictures, (classes x per_class, 1, size, size) in 0 to 1, in random order; their classes,
        numbered in the order of `letters`, whose names are the letters.

    Raises:
        DataError: A letter stands twice, or the fonts lack it.
    """
    if len(set(letters)) < len(letters) or not letters:
        raise DataError(f"expected letters that differ from one another, got {letters!r}")
    masters = _glyph_masters(letters)  # (letters, faces, 64, 64)
    targets = torch.arange(len(letters)).repeat_interleave(per_class)
    targets = targets[torch.randperm(len(targets), generator=generator)]

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(targets), *shape, generator=generator)

    faces = torch.randint(masters.shape[1], (len(targets),), generator=generator)
    angle, shear, scale = draw(-0.26, 0.26), draw(-0.2, 0.2), draw(0.8, 1.15, 1)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
    slant = torch.stack([torch.ones_like(shear), shear, 0 * shear, torch.ones_like(shear)], dim=1)
    matrix = turn.reshape(-1, 2, 2) @ slant.reshape(-1, 2, 2) / scale.unsqueeze(2)
    affine = torch.cat([matrix, draw(-1 / 6, 1 / 6, 2, 1)], dim=2)
    pictures, noise = [], draw(0, 0.12, 1, 1, 1)
    for rows in torch.arange(len(targets)).split(2000):  # a little memory at a time
        grid = functional.affine_grid(affine[rows], [len(rows), 1, 2 * size, 2 * size], False)
        master = masters[targets[rows], faces[rows]].unsqueeze(1)
        sampled = functional.grid_sample(master, grid, align_corners=False)
        pictures.append(functional.avg_pool2d(sampled, 2))
    inputs = torch.cat(pictures)
    inputs += noise * torch.randn(inputs.shape, generator=generator)
    return Table(inputs.clamp(0, 1), targets, [], list(letters))


@functools.cache
def _glyph_masters(letters: str) -> torch.Tensor:
    """Draw each letter large in each face, on one baseline: (letters, faces, 64, 64)."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    faces = [f"DejaVu{kind}.ttf" for kind in ("Sans", "Sans-Bold", "Sans-Oblique")]
    faces += [f"DejaVu{kind}.ttf" for kind in ("Serif", "Serif-Bold", "Serif-Italic")]
    faces += [f"DejaVu{kind}.ttf" for kind in ("SansMono", "SansMono-Bold")]
    faces += [f"STIXGeneral{kind}.ttf" for kind in ("", "Bol", "Italic", "BolIta")]
    masters = torch.zeros(len(letters), len(faces), 64, 64)
    for j, face in enumerate(faces):
        font = ImageFont.truetype(folder / face, 52, layout_engine=ImageFont.Layout.BASIC)
        nothing = bytes(font.getmask("\uffff"))  # what a face shows for a letter it lacks
        for i, letter in enumerate(letters):
            if bytes(font.getmask(letter)) in (nothing, b""):
                raise DataError(f"{face} has no letter {letter!r}; choose another")
            canvas = Image.new("L", (64, 64))
            ImageDraw.Draw(canvas).text((32, 47), letter, fill=255, font=font, anchor="ms")
            pixels = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
            masters[i, j] = pixels.reshape(64, 64) / 255
    return masters

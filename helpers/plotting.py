"""Figures that the lessons share. Each returns its axes, so that a lesson can add to them."""

import re
import zipfile
from collections.abc import Callable, Sequence
from itertools import cycle, pairwise, product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter


def draw_paths(
    surface: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    paths: dict[str, torch.Tensor],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss surface as contour lines, evenly spaced in log(loss), and paths across it.

    Args:
        surface: Takes two tensors of one shape and returns the loss at each of their places.
        paths: For each label the points visited, shape (steps + 1, 2), all on one device.
        x_range: The lowest and highest first coordinate to draw.
        y_range: The lowest and highest second coordinate to draw.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes. A cross marks each path's first point, a shape of its own the last.
    """
    if ax is None:
        _, ax = plt.subplots()
    across, up = torch.linspace(*x_range, 200), torch.linspace(*y_range, 200)
    x, y = torch.meshgrid(across, up, indexing="xy")
    device = next((path.device for path in paths.values()), x.device)
    with torch.no_grad():
        height = surface(x.to(device), y.to(device)).cpu().log10()
    high = height.max().item()
    low = high - 4  # below a ten-thousandth of the highest loss everything looks alike
    height = height.clamp(min=low)
    ax.contourf(across, up, height, levels=9, cmap="Greys", vmin=low, vmax=2 * high - low)
    ax.contour(across, up, height, levels=9, colors="0.6", linewidths=0.6, linestyles="solid")
    ax.grid(visible=False)
    looks = cycle(zip(["-", "--", "-.", ":"], "osD^", strict=True))
    for (label, path), (style, mark) in zip(paths.items(), looks, strict=False):
        points = path.detach().cpu()
        (line,) = ax.plot(*points.T, style, marker=".", markersize=3, linewidth=1.5)
        look = {"color": line.get_color(), "marker": mark, "markersize": 8, "mec": "black"}
        ax.plot(*points[-1:].T, style, label=label, **look)
        ax.plot(*points[0], "kX", markersize=8)
    ax.set(xlim=x_range, ylim=y_range)
    return ax


def draw_graph(
    tensor: torch.Tensor, names: dict[str, torch.Tensor] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the graph that autograd recorded for `tensor`: leaves round, operations square.

    Args:
        tensor: A result that autograd recorded.
        names: Leaves and results by name, as `autograd_graph` takes them.
        ax: Where to draw; a new figure, as large as the graph needs, if None.

    Returns:
        The axes.

    Raises:
        ValueError: Autograd recorded nothing for `tensor`.
    """
    graph = autograd_graph(tensor, names)
    layers: dict[int, list] = {}
    for node, layer in graph.nodes(data="layer"):
        layers.setdefault(layer, []).append(node)
    rows = max(map(len, layers.values()))
    if ax is None:
        _, ax = plt.subplots(figsize=(max(6.4, 1.6 * len(layers)), 0.6 + 0.9 * rows))
    places, boxes = {}, {}
    for layer, nodes in sorted(layers.items()):
        fed = {node: [places[after][1] for after in graph.successors(node)] for node in nodes}
        nodes.sort(key=lambda node: -sum(fed[node]) / max(1, len(fed[node])))
        for row, node in enumerate(nodes):
            places[node] = (-layer, (len(nodes) - 1) / 2 - row)
            leaf, label = graph.nodes[node]["leaf"], graph.nodes[node]["label"]
            shape = "round,pad=0.5,rounding_size=1" if leaf else "square,pad=0.5"
            style = {"boxstyle": shape, "facecolor": "#fdf0d5" if leaf else "white"}
            text = ax.text(*places[node], label, ha="center", va="center", bbox=style)
            boxes[node] = text.get_bbox_patch()
    for start, end, copy in graph.edges:
        long = places[end][0] - places[start][0] > 1  # bends around what lies between
        arrow = {"arrowstyle": "-|>", "color": "black", "patchA": boxes[start]}
        arrow |= {"patchB": boxes[end], "connectionstyle": f"arc3,rad={0.3 * (copy + long)}"}
        ax.annotate("", xy=places[end], xytext=places[start], arrowprops=arrow)
    ax.set(xlim=(0.5 - len(layers), 0.5), ylim=(-rows / 2, rows / 2))
    ax.axis("off")
    return ax


def autograd_graph(tensor: torch.Tensor, names: dict[str, torch.Tensor] | None = None) -> Any:
    """Read from `tensor.grad_fn` the graph that autograd recorded.

    Args:
        tensor: A result that autograd recorded.
        names: Leaves and results by name; those that are not in the graph are passed over. A
            result shows its value, and its gradient if it retains one, only where it is named.

    Returns:
        A `networkx.MultiDiGraph` from leaves to result. Its nodes are autograd's own; each has a
        "label", "leaf" (a bool) and "layer" (0 for `tensor`, 1 for what it came from, ...).

    Raises:
        ValueError: Autograd recorded nothing for `tensor`.
    """
    import networkx as nx  # here, so that a lesson without graphs need not wait for it

    if tensor.grad_fn is None:
        raise ValueError(
            "this tensor has no grad_fn, so there is no graph to draw: compute it from a tensor "
            "with requires_grad=True, outside torch.no_grad()"
        )
    named = {t if t.grad_fn is None else t.grad_fn: (name, t) for name, t in (names or {}).items()}
    graph, todo, done = nx.MultiDiGraph(), [tensor.grad_fn], set()
    while todo:
        node = todo.pop()
        if node in done:
            continue
        done.add(node)
        leaf = getattr(node, "variable", None)
        name, value = named.get(node if leaf is None else leaf, ("", leaf))
        operation = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2]).lower()
        title = name or "leaf" if leaf is not None else f"{name} = {operation}".removeprefix(" = ")
        graph.add_node(node, label=title + _numbers(value), leaf=leaf is not None)
        inputs = [parent for parent, _ in node.next_functions if parent is not None]
        graph.add_edges_from((parent, node) for parent in inputs)
        todo += reversed(inputs)
    for layer, nodes in enumerate(nx.topological_generations(graph.reverse(copy=False))):
        for node in nodes:
            graph.nodes[node]["layer"] = layer
    return graph


def _numbers(tensor: torch.Tensor | None) -> str:
    """Write a tensor's value and gradient in a line each; of a large tensor, its shape."""
    if tensor is None or tensor.numel() > 2:
        return "" if tensor is None else f"\nshape {tuple(tensor.shape)}"
    shown = {"value": tensor, "gradient": None}
    if tensor.is_leaf or tensor.retains_grad:  # torch warns about .grad of others
        shown["gradient"] = tensor.grad
    return "".join(
        f"\n{what} " + ", ".join(f"{number:.3g}" for number in numbers.reshape(-1).tolist())
        for what, numbers in shown.items()
        if numbers is not None
    )


def draw_workflow() -> Axes:
    """Draw the seven steps that every lesson walks, and the arrow of the training loop.

    Returns:
        The axes; step `i` stands at `x = i`, from data at 0 to save at 6.
    """
    steps = {"data": "examples", "model": "predicts", "loss": "how wrong?", "optimizer": "adjusts"}
    steps |= {"train": "repeats", "evaluate": "new examples", "save": "keeps"}
    _, ax = plt.subplots(figsize=(8.4, 2.1))
    patches = []
    for place, (step, says) in enumerate(steps.items()):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#fdf0d5" if 1 <= place <= 4 else "white"}
        text = ax.text(place, 0, step, ha="center", va="center", weight="bold", bbox=box)
        ax.text(place, 0.6, says, ha="center", va="center")
        patches.append(text.get_bbox_patch())
    arrow = {"arrowstyle": "-|>", "color": "black", "mutation_scale": 14}
    for place, ends in enumerate(pairwise(patches)):
        arrow |= dict(zip(("patchA", "patchB"), ends, strict=True))
        ax.annotate("", xy=(place + 1, 0), xytext=(place, 0), arrowprops=dict(arrow))
    arrow |= {"patchA": patches[4], "patchB": patches[1], "linestyle": "--", "linewidth": 1.5}
    arrow["connectionstyle"] = "arc3,rad=-0.35"
    ax.annotate("", xy=(1, 0), xytext=(4, 0), arrowprops=arrow)
    ax.text(2.5, -1.05, "the training loop: again, until the loss is small", ha="center", va="top")
    ax.set(xlim=(-0.6, 6.6), ylim=(-1.4, 0.8))
    ax.axis("off")
    return ax


def draw_network(sizes: list[int]) -> Axes:
    """Draw a network: for each layer a column of circles, and a line for each number between two.

    Args:
        sizes: How many circles each layer has, the input first. Of more than ten, eight are drawn.

    Returns:
        The axes; layer `i` stands at `x = i`.
    """
    names = ["input", *["hidden"] * (len(sizes) - 2), "output"]
    tallest = min(10, max(sizes))
    _, ax = plt.subplots(figsize=(2.2 * len(sizes), 1 + 0.34 * tallest))
    before: list[float] = []
    for x, (name, size) in enumerate(zip(names, sizes, strict=True)):
        rows = min(size, 9 if size > 10 else 10)
        heights = [(rows - 1) / 2 - row for row in range(rows)]
        ax.text(x, heights[0] + 0.6, f"{name}\n{size}", ha="center", va="bottom")
        if size > 10:
            ax.text(x, heights.pop(4), "⋮", ha="center", va="center", size=16)
        for start in before:
            for end in heights:
                ax.plot(
                    [x - 1, x], [start, end], color="0.7", linestyle="-", linewidth=0.8, zorder=1
                )
        ax.scatter([x] * len(heights), heights, s=200, c="white", edgecolors="black", zorder=2)
        before = heights
    ax.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(-tallest / 2, tallest / 2 + 1.7))
    ax.axis("off")
    return ax


def draw_layout(tensor: torch.Tensor, ax: Axes | None = None) -> Axes:
    """Draw a small tensor on the left and the storage it reads, with its strides, on the right.

    Args:
        tensor: A tensor of one or two dimensions on any device.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes. The darker a cell, the later it lies in the storage.

    Raises:
        ValueError: The tensor has more than two dimensions.
    """
    if tensor.ndim > 2:
        raise ValueError(f"draws one or two dimensions, not the shape {tuple(tensor.shape)}")
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    values = torch.as_strided(tensor.detach(), (size,), (1,), 0).tolist()
    where = (tensor.shape, tensor.stride(), tensor.storage_offset())
    places = torch.atleast_2d(torch.as_strided(torch.arange(size), *where))
    rows, columns = places.shape
    left, middle, tall = columns + 1, (1 - rows) / 2, max(rows + 0.2, 3.8)
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 0.5 + 0.5 * tall))
    cells = [(c, -r, int(places[r, c])) for r in range(rows) for c in range(columns)]
    for x, y, place in cells + [(left + place, middle, place) for place in range(size)]:
        shade = plt.get_cmap("Blues")(0.05 + 0.55 * place / size)
        _draw_cell(ax, x, y, f"{values[place]:g}", facecolor=shade)
    for dim, (stride, side) in enumerate(zip(tensor.stride(), (1, -1), strict=False)):
        start, height = left + tensor.storage_offset(), middle + side * 0.55
        arrow = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
        arrow["connectionstyle"] = f"arc3,rad={-side * 0.6 / max(stride, 1) ** 0.5}"
        ax.annotate("", (start + stride, height), (start, height), arrowprops=arrow)
        ax.text(start, middle + side * 1.5, f"dimension {dim}: stride {stride}", va="center")
    ax.set(xlim=(-0.6, left + size - 0.4), ylim=(middle - tall / 2, middle + tall / 2))
    ax.set_title(f"shape {tuple(tensor.shape)} walks its storage by strides {tensor.stride()}")
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def draw_broadcast(a: torch.Tensor, b: torch.Tensor, ax: Axes | None = None) -> Axes:
    """Draw `a + b` for two small tensors: solid what exists, dashed what broadcasting repeats.

    Args:
        a: A tensor of at most two dimensions.
        b: Likewise; the two shapes must broadcast.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes.
    """
    total = torch.atleast_2d(a + b)
    rows, columns = total.shape
    if ax is None:
        _, ax = plt.subplots(figsize=(min(8, 2.1 * (columns + 1)), 1.1 + 0.45 * rows))
    for block, (tensor, sign) in enumerate(((a, "+"), (b, "="), (a + b, ""))):
        old = torch.atleast_2d(tensor)
        left = block * (columns + 1)
        for row, column in product(range(rows), range(columns)):
            value = old.expand(rows, columns)[row, column].item()
            real = row < old.shape[0] and column < old.shape[1]
            style = {"facecolor": "white"} if real else {"facecolor": "0.88", "linestyle": "--"}
            _draw_cell(ax, left + column, -row, f"{value:g}", **style)
        ax.text(left + columns, (1 - rows) / 2, sign, ha="center", va="center", fontsize=16)
        ax.text(left + (columns - 1) / 2, 0.9, str(tuple(tensor.shape)), ha="center")
    ax.set(xlim=(-0.6, 3 * columns + 1.6), ylim=(0.4 - rows, 1.4), aspect="equal")
    ax.set_title("Broadcasting repeats what is 1 or missing")
    ax.axis("off")
    return ax


def _draw_cell(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Draw a unit square with `text` in its middle."""
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, edgecolor="black", **style))
    ax.text(x, y, text, ha="center", va="center")


def draw_images(
    images: torch.Tensor | Sequence[torch.Tensor],
    titles: Sequence[str] | None = None,
    columns: int = 8,
    size: float = 0.9,
    title: str = "",
) -> Figure:
    """Draw pictures in rows, all grey ones on one scale.

    Args:
        images: (pictures, channels, height, width) with 1 or 3 channels, on any device; or a list
            of tensors or arrays of any sizes, (channels, height, width) or (height, width). Grey
            ones may have any values; those of colours are clamped to 0 to 1 (bytes: 0 to 255).
        titles: One a picture, for above it.
        columns: Pictures in a row.
        size: Of a picture, in inches.
        title: Of the figure.

    Returns:
        The figure.

    Raises:
        ValueError: The pictures have another shape, or not as many titles.
    """
    pictures = [torch.as_tensor(image).detach().cpu() for image in images]
    pictures = [p.unsqueeze(0) if p.ndim == 2 and isinstance(images, list) else p for p in pictures]
    if not pictures or any(p.ndim != 3 or p.shape[0] not in (1, 3) for p in pictures):
        shapes = images.shape if isinstance(images, torch.Tensor) else pictures[0].shape
        say = f"expected pictures of shape (n, 1 or 3, height, width), got {tuple(shapes)}"
        raise ValueError(f"{say}; use images.unsqueeze(1) for pictures without channels")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"expected {len(pictures)} titles, got {len(titles)}")
    grey = [p.float() for p in pictures if p.shape[0] == 1]
    scale = {"vmin": min(p.min().item() for p in grey)} if grey else {}
    scale |= {"vmax": max(p.max().item() for p in grey)} if grey else {}
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    ratio = max(p.shape[1] / p.shape[2] for p in pictures)  # flat pictures need less height
    tall = size * ratio + 0.25 * max((t.count("\n") + 1 for t in titles or []), default=0)
    shape = {"figsize": (columns * size, rows * tall + 0.4), "squeeze": False}
    fig, axes = plt.subplots(rows, columns, **shape)
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        if picture.shape[0] == 1:
            ax.imshow(picture[0].float().numpy(), **scale)
        else:
            pixels = picture / 255 if picture.dtype == torch.uint8 else picture.float()
            ax.imshow(pixels.permute(1, 2, 0).clamp(0, 1).numpy())
        if titles is not None:
            ax.set_title(titles[i], loc="center", weight="normal", size=8)
    if title:
        fig.suptitle(title, x=0.01, ha="left", weight="bold")
    return fig


def draw_curves(
    curves: dict[str, Any], x: Any = None, ax: Axes | None = None, **settings: Any
) -> Axes:
    """Draw curves by label, in the line styles and colours of `matplotlibrc`.

    Args:
        curves: For each label the heights, (points,), or a pair of places and heights. Tensors on
            any device, arrays or lists. A label "" does not stand in the legend.
        x: The places that all others share, (points,); None for 1, 2, 3 and so on.
        ax: Where to draw; None for a new figure.
        settings: What `ax.set` takes, such as title, xlabel, ylabel, yscale or ylim.

    Returns:
        The axes, with a legend where there are two labels or more.

    Raises:
        ValueError: A curve has not as many heights as places.
    """
    if ax is None:
        _, ax = plt.subplots()
    for label, curve in curves.items():
        places, heights = curve if isinstance(curve, tuple) else (x, curve)
        heights = _plain(heights)
        places = range(1, len(heights) + 1) if places is None else _plain(places)
        if len(places) != len(heights):
            say = f"{len(heights)} heights, but {len(places)} places"
            raise ValueError(f"curve {label!r} has {say}; give as many of each")
        ax.plot(places, heights, label=label or "_")
        if isinstance(places, range) and "xscale" not in settings:
            ax.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 2.5
    return _finish(ax, settings)


def draw_points(
    points: dict[str, tuple[Any, Any]], ax: Axes | None = None, size: float = 20, **settings: Any
) -> Axes:
    """Draw clouds of points by label, a marker and a colour each.

    Args:
        points: For each label the places across and up, (points,) each.
        ax: Where to draw; None for a new figure.
        size: Of a marker, in square points, as `ax.scatter` takes it.
        settings: What `ax.set` takes, such as title, xlabel, ylabel or ylim.

    Returns:
        The axes, with a legend where there are two labels or more.
    """
    if ax is None:
        _, ax = plt.subplots()
    for (label, (across, up)), marker in zip(points.items(), cycle("osD^vPX"), strict=False):
        look = {"s": size, "marker": marker, "edgecolors": "white", "linewidths": 0.4}
        ax.scatter(_plain(across), _plain(up), label=label or "_", **look)
    return _finish(ax, settings)


def draw_bars(
    groups: dict[str, Any],
    names: Sequence[str],
    ax: Axes | None = None,
    show: str = "",
    **settings: Any,
) -> Axes:
    """Draw bars in groups: a group for each name, in it a bar for each label.

    Args:
        groups: For each label its heights, one a name.
        names: Of the groups, from left to right.
        ax: Where to draw; None for a new figure.
        show: How to write each height above its bar, such as ".2f"; nothing if empty.
        settings: What `ax.set` takes, such as title, ylabel or ylim.

    Returns:
        The axes, with a legend where there are two labels or more.

    Raises:
        ValueError: A label has not one height for each name.
    """
    if ax is None:
        _, ax = plt.subplots()
    width = 0.8 / len(groups)
    hatches = cycle(["", "//", "..", "xx", "\\\\"])
    for i, ((label, values), hatch) in enumerate(zip(groups.items(), hatches, strict=False)):
        heights = _plain(values)
        if len(heights) != len(names):
            say = f"{len(heights)} heights, but there are {len(names)} names"
            raise ValueError(f"{label!r} has {say}; give one height for each name")
        places = [group + (i - (len(groups) - 1) / 2) * width for group in range(len(names))]
        look = {"hatch": hatch, "edgecolor": "white", "linewidth": 0}
        bars = ax.bar(places, heights, width * 0.94, label=label or "_", **look)
        if show:
            ax.bar_label(bars, [format(height, show) for height in heights], size=8, padding=1)
    ax.set_xticks(range(len(names)), names)
    ax.grid(visible=False, axis="x")
    return _finish(ax, settings)


def draw_matrix(
    matrix: Any,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
    form: str = "g",
    shade: Any = None,
    **settings: Any,
) -> Axes:
    """Draw a matrix as a table of squares with its numbers in them.

    Args:
        matrix: (rows, columns), on any device.
        rows: Labels at the left; None for none.
        columns: Labels below; None for none.
        ax: Where to draw; None for a new figure, as large as the matrix needs.
        form: How to write a number, such as "g" or ".2f".
        shade: (rows, columns), what the shades of grey show; None for the numbers themselves.
        settings: What `ax.set` takes, such as title, xlabel or ylabel.

    Returns:
        The axes; row `i` and column `j` stand at `(j, i)`.

    Raises:
        ValueError: The matrix has not two dimensions.
    """
    numbers = torch.as_tensor(matrix).detach().cpu().double()
    if numbers.ndim != 2:
        raise ValueError(f"expected a matrix of two dimensions, got shape {tuple(numbers.shape)}")
    shades = numbers if shade is None else torch.as_tensor(shade).detach().cpu().double()
    high, wide = numbers.shape
    if ax is None:
        longest = max((len(format(n, form)) for n in numbers.flatten().tolist()), default=1)
        side = max(0.42, 0.1 * longest + 0.12)
        _, ax = plt.subplots(figsize=(1.6 + side * wide, 1.2 + 0.42 * high))
    # up to a mid grey only, so that black numbers can be read on every shade
    low, top = shades.min().item(), shades.max().item()
    ax.imshow(
        shades.numpy(), cmap="Greys", vmin=low, vmax=low + 1.8 * max(top - low, 1e-9), aspect="auto"
    )
    for i, j in product(range(high), range(wide)):
        ax.text(j, i, format(numbers[i, j].item(), form), ha="center", va="center", size=9)
    ax.set_xticks(range(wide) if columns else [], columns or [])
    ax.set_yticks(range(high) if rows else [], rows or [])
    ax.grid(visible=False)
    ax.set(**settings)
    return ax


def _plain(values: Any) -> Any:
    """Give numbers as matplotlib takes them: of a tensor an array, without its graph."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values


def _finish(ax: Axes, settings: dict[str, Any]) -> Axes:
    ax.set(**settings)
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend()
    return ax


def draw_history(history: dict[str, list[float]]) -> Figure:
    """Draw what `helpers.training.fit` returns: the two losses left, the accuracy right.

    Returns:
        The figure, with two axes.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    epochs = range(1, len(history["train_loss"]) + 1)
    left.plot(epochs, history["train_loss"], "o-", markersize=3, label="training")
    left.plot(epochs, history["valid_loss"], "s--", markersize=3, label="validation")
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    left.legend()
    right.plot(epochs, history["valid_accuracy"], "s--", color="C1", markersize=3)
    right.set(xlabel="epoch", ylabel="accuracy", title="Validation accuracy")
    return fig


def draw_confusion(matrix: torch.Tensor, class_names: list[str], ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: a row a true class, a column a predicted one, counts written in.

    Mistakes are shaded by how frequent they are; the diagonal is left white.

    Args:
        matrix: Counts, (classes, classes).
        class_names: One a class.
        ax: Where to draw; None for a new figure, as large as it needs to be.

    Returns:
        The axes.
    """
    if ax is None:
        side = 1.6 + 0.38 * len(class_names)
        _, ax = plt.subplots(figsize=(side + 0.4, side))
    counts = matrix.cpu().float()
    mistakes = counts.clone().fill_diagonal_(0)
    ax.imshow(mistakes.numpy(), cmap="Greys", vmin=0, vmax=max(mistakes.max().item(), 1) * 1.6)
    for (row, column), count in zip(
        product(range(len(counts)), repeat=2), counts.flatten().tolist(), strict=True
    ):
        if count:
            style = {"weight": "bold"} if row == column else {}
            ax.text(column, row, f"{count:.0f}", ha="center", va="center", size=8, **style)
    turn = 90 if max(map(len, class_names)) > 3 else 0
    ax.set_xticks(range(len(class_names)), class_names, rotation=turn)
    ax.set_yticks(range(len(class_names)), class_names)
    ax.set(xlabel="predicted", ylabel="true")
    ax.grid(visible=False)
    return ax


def draw_files(paths: Sequence[str | Path], ax: Axes | None = None, **settings: Any) -> Axes:
    """Draw files with weights, one below the other: each part is as wide as it is long.

    Args:
        paths: Of what `torch.save` wrote, a zip archive, or of `.safetensors`.
        ax: Where to draw; None for a new figure, as high as it needs to be.
        settings: What `ax.set` takes, such as title.

    Returns:
        The axes; the first file is at the top, at `y = 0`. A wide part's name stands in it, that of
        a narrower one above it; the narrowest have none.
    """
    files = {Path(path).name: _parts(Path(path)) for path in paths}
    longest = max(sum(parts.values()) for parts in files.values())
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 1 + 0.9 * len(files)))
    for row, parts in enumerate(files.values()):
        start = 0
        for number, (name, length) in enumerate(parts.items()):
            look = {"facecolor": ("0.95", "0.8")[number % 2], "edgecolor": "black"}
            ax.add_patch(Rectangle((start, row - 0.25), length, 0.5, linewidth=0.5, **look))
            middle, share = start + length / 2, length / longest
            if share > 0.015 * len(name):
                ax.text(middle, row, name, ha="center", va="center", size=8)
            elif share > 0.02:
                line = {"arrowstyle": "-", "linewidth": 0.6, "color": "black"}
                side = {"ha": "right" if middle > 0.8 * longest else "left", "va": "bottom"}
                place = {"xy": (middle, row - 0.25), "xytext": (middle, row - 0.36)}
                ax.annotate(name, size=8, arrowprops=line, **place, **side)
            start += length
    ax.set_yticks(range(len(files)), files)
    ax.set(xlim=(-0.01 * longest, 1.01 * longest), ylim=(len(files) - 0.6, -0.7), xlabel="byte")
    ax.grid(visible=False)
    ax.set(**settings)
    return ax


def _parts(path: Path) -> dict[str, int]:
    """Give the lengths of the parts of a file with weights, in order, all bytes counted."""
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        with path.open("rb") as file:  # it begins with eight bytes: how long the header is
            header = 8 + int.from_bytes(file.read(8), "little")
        return {"header": header, "numbers": size - header}
    with zipfile.ZipFile(path) as archive:
        names = [entry.filename.partition("/")[2] for entry in archive.infolist()]
        starts = [entry.header_offset for entry in archive.infolist()] + [archive.start_dir]
    parts = {name: end - start for name, (start, end) in zip(names, pairwise(starts), strict=True)}
    return parts | {"table of contents": size - starts[-1]}


def draw_ratios(ratios: dict[str, Any], ax: Axes | None = None, **settings: Any) -> Axes:
    """Draw measured ratios: for each label a dot a round, and a bar through their median.

    The vertical axis is logarithmic, so that twice and half are equally far from 1. A line marks 1.

    Args:
        ratios: For each label its ratios, (rounds,), all above 0.
        ax: Where to draw; None for a new figure.
        settings: What `ax.set` takes, such as title or ylabel.

    Returns:
        The axes; the labels stand at 0, 1, 2 and so on.
    """
    if ax is None:
        _, ax = plt.subplots()
    ax.axhline(1, color="0.5", linestyle="-", linewidth=1)
    for place, values in enumerate(ratios.values()):
        rounds = torch.as_tensor(values, dtype=torch.float32).cpu()
        shifts = torch.linspace(-0.15, 0.15, len(rounds))  # so that no dot hides another
        ax.scatter((place + shifts).numpy(), rounds.numpy(), color="C0", s=14)
        ax.hlines(rounds.quantile(0.5).item(), place - 0.3, place + 0.3, color="black", linewidth=3)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(range(len(ratios)), list(ratios))
    ax.set_xlim(-0.6, len(ratios) - 0.4)
    ax.grid(visible=False, axis="x")
    return _finish(ax, settings)


def draw_calls(ways: dict[str, Sequence[int | list[int]]], ax: Axes | None = None) -> Axes:
    """Draw what a dataset's `__getitem__` was asked for: a row a way, in it a frame a call.

    Args:
        ways: For each label the calls in order; a call is one position, or a list of them.
        ax: Where to draw; None for a new figure, as large as it needs to be.

    Returns:
        The axes; a square with a number stands for each position.
    """
    longest = max(sum(len(_positions(call)) + 0.5 for call in calls) for calls in ways.values())
    if ax is None:
        _, ax = plt.subplots(figsize=(0.5 + 0.55 * longest, 0.4 + 0.9 * len(ways)))
    for row, (label, calls) in enumerate(ways.items()):
        left, height = 0.0, -2.0 * row
        ax.text(0, height + 1.0, f"{label}: {len(calls)} calls")
        for call in calls:
            wide = len(_positions(call))
            frame = Rectangle((left - 0.1, height - 0.1), wide + 0.2, 0.9, facecolor="0.85")
            ax.add_patch(frame)
            for place, position in enumerate(_positions(call)):
                look = {"facecolor": "white", "edgecolor": "black"}
                ax.add_patch(Rectangle((left + place + 0.1, height), 0.8, 0.7, **look))
                ax.text(left + place + 0.5, height + 0.35, position, ha="center", va="center")
            left += wide + 0.5
    ax.set(xlim=(-0.2, longest), ylim=(-2.0 * (len(ways) - 1) - 0.2, 1.4))
    ax.axis("off")
    return ax


def _positions(call: int | list[int]) -> list[int]:
    return call if isinstance(call, list) else [call]


def draw_medians(
    groups: dict[str, torch.Tensor], names: Sequence[str], show: str = "", **settings: Any
) -> Axes:
    """Draw measured times as bars up to their medians, with a thin line over their middle half.

    Args:
        groups: For each label what was measured, (rounds, names).
        names: Of the groups, from left to right.
        show: How to write each median beside its bar, such as ".2f"; nothing if empty.
        settings: What `draw_bars` takes.

    Returns:
        The axes, with a legend where there are two labels or more.
    """
    medians = {label: rounds.quantile(0.5, dim=0) for label, rounds in groups.items()}
    ax = draw_bars(medians, names, show=show, **settings)
    for bars, rounds in zip(ax.containers, groups.values(), strict=True):
        places = [bar.get_x() + bar.get_width() / 2 for bar in bars]
        low, high = (_plain(rounds.quantile(share, dim=0)) for share in (0.25, 0.75))
        ax.vlines(places, low, high, color="black", linewidth=1)
    return ax


def draw_regions(
    panels: dict[str, tuple[Callable, torch.Tensor, torch.Tensor]],
    title: str = "",
    reach: float = 2.5,
) -> Figure:
    """Draw where models of two features answer class 1: one panel a model, grey where they do.

    Args:
        panels: For each title a model, which gives logits, (points, 1), and points to draw on top:
            their places, (points, 2), and classes, 0 or 1, (points, 1), on the model's device.
        title: Of the figure.
        reach: How far a panel goes from the middle, in each direction.

    Returns:
        The figure; the last panel has the legend.
    """
    size = (3.1 * len(panels), 3.2)
    fig, (axes,) = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True)
    side = torch.linspace(-reach, reach, 101)
    grid = torch.cartesian_prod(side, side)  # (10201, 2)
    for ax, (name, (model, places, classes)) in zip(axes, panels.items(), strict=True):
        with torch.inference_mode():
            logits = model(grid.to(places.device)).reshape(101, 101).T.cpu()
        levels = [-float("inf"), 0, float("inf")]
        ax.contourf(side, side, logits, levels=levels, colors=["1", "0.82"])
        for label in (0, 1):
            own = places[classes[:, 0] == label].cpu()
            look = {"s": 9, "marker": "os"[label], "edgecolors": "white", "linewidths": 0.3}
            ax.scatter(*own.T.numpy(), label=f"class {label}", **look)
        ax.set(title=name, aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
        ax.set_xlabel("first feature")
    axes[0].set_ylabel("second feature")
    axes[-1].legend(loc="lower left")
    fig.suptitle(title)
    return fig


def draw_detections(
    pictures: torch.Tensor,
    answers: dict[str, Sequence[dict[str, torch.Tensor]]],
    notes: Sequence[str] | None = None,
    columns: int = 4,
    size: float = 1.9,
    title: str = "",
) -> Figure:
    """Draw pictures with boxes: those of the first label solid, of the second dashed.

    Args:
        pictures: (pictures, 1 or 3, height, width), as `draw_images` takes them.
        answers: For each of at most two labels, for each picture its "boxes", (n, 4), and if it has
            them the "labels", (n,), and "scores", (n,), which are written beside the boxes.
        notes: One a picture, for above it.
        columns: Pictures in a row.
        size: Of a picture, in inches.
        title: Of the figure.

    Returns:
        The figure, with a legend where there are two labels.
    """
    fig = draw_images(pictures, notes, columns, size, title)
    # colours that differ in grey as well, and on a black ground
    looks = [("#ffd24d", "solid", "bottom"), ("#56b4e9", (0, (3, 1.5)), "top")]
    for (colour, style, side), found in zip(looks, answers.values(), strict=False):
        for ax, answer in zip(fig.axes, found, strict=False):
            names = [str(number) for number in _plain(answer.get("labels", []))]
            for i, score in enumerate(_plain(answer.get("scores", []))):
                names[i] += f" {score:.1f}"
            for i, (left, top, right, bottom) in enumerate(_plain(answer["boxes"])):
                corner, wide, high = (left - 0.5, top - 0.5), right - left, bottom - top
                look = {"fill": False, "edgecolor": colour, "linestyle": style, "linewidth": 1.2}
                ax.add_patch(Rectangle(corner, wide, high, **look))
                x, y = (left, max(top - 1, 6)) if side == "bottom" else (right, min(bottom, 58))
                to = "left" if side == "bottom" else "right"
                write = {"color": colour, "size": 7, "ha": to, "va": side, "clip_on": True}
                ax.text(x, y, names[i] if names else "", **write)
    if len(answers) > 1:
        lines = [
            Rectangle((0, 0), 1, 1, facecolor="0.1", edgecolor=colour, linestyle=style)
            for colour, style, _ in looks
        ]
        fig.legend(lines, list(answers), loc="upper right", ncols=2, fontsize=8)
    return fig


def draw_program(program: torch.export.ExportedProgram, ax: Axes | None = None) -> Axes:
    """Draw an exported program: a row an operation, from top to bottom in the order they run.

    Args:
        program: Of one path, such as a network without skips.
        ax: Where to draw; None for a new figure, as high as it needs to be.

    Returns:
        The axes. On the left stand the parameters and buffers that an operation reads, on the right
        the shape of what it passes on; a free dimension is called n.
    """
    signature = program.graph_signature
    stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    given = set(signature.user_inputs)
    nodes = [n for n in program.graph.nodes if n.name in given]
    nodes += [n for n in program.graph.nodes if n.op == "call_function" and n.users]
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 0.6 + 0.33 * len(nodes)))
    for row, node in enumerate(nodes):
        name = node.name if node.name in given else str(node.target).split(".")[1]
        look = {"facecolor": "white" if node.name in given else "0.9", "edgecolor": "black"}
        ax.add_patch(Rectangle((-0.5, row - 0.3), 1, 0.6, **look))
        ax.text(0, row, name, ha="center", va="center", size=9)
        read = [stored[part.name] for part in node.all_input_nodes if part.name in stored]
        if read:
            ax.text(-0.6, row, f"{', '.join(read)} →", ha="right", va="center", size=9)
        shape = [size if isinstance(size, int) else "n" for size in node.meta["val"].shape]
        ax.text(0.6, row, f"({', '.join(map(str, shape))})", va="center", size=9)
        if row:
            arrow = {"arrowstyle": "->", "color": "black"}
            ax.annotate("", (0, row - 0.3), (0, row - 0.7), arrowprops=arrow)
    ax.set(xlim=(-2.6, 2), ylim=(len(nodes) - 0.6, -0.6))
    ax.axis("off")
    return ax

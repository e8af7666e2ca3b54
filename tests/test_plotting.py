"""The figures that the lessons share."""

import matplotlib.pyplot as plt
import pytest
import torch
from safetensors.torch import save_file

from helpers.paths import ROOT
from helpers.plotting import (
    autograd_graph,
    draw_bars,
    draw_broadcast,
    draw_calls,
    draw_confusion,
    draw_curves,
    draw_files,
    draw_graph,
    draw_history,
    draw_images,
    draw_layout,
    draw_matrix,
    draw_medians,
    draw_network,
    draw_paths,
    draw_points,
    draw_program,
    draw_ratios,
    draw_regions,
    draw_workflow,
)
from tests.support import run_python


def leaf(value):
    """Make a leaf that requires a gradient."""
    return torch.tensor(value, requires_grad=True)


def labels(graph):
    """Give the nodes' labels, each in one line."""
    return sorted(" ".join(label.split("\n")) for _, label in graph.nodes(data="label"))


def arrows(graph):
    """Give the edges as pairs of the first lines of the labels at their ends."""
    title = {node: label.split("\n")[0] for node, label in graph.nodes(data="label")}
    return sorted((title[start], title[end]) for start, end in graph.edges())


def test_an_autograd_graph_has_a_node_for_each_operation_and_leaf():
    x, w = leaf(4.0), leaf(-0.75)
    graph = autograd_graph((w * x + 1).tanh(), {"x": x, "w": w})
    assert labels(graph) == ["add", "mul", "tanh", "w value -0.75", "x value 4"]
    assert arrows(graph) == [("add", "tanh"), ("mul", "add"), ("w", "mul"), ("x", "mul")]
    layers = {
        label.split("\n")[0]: graph.nodes[n]["layer"] for n, label in graph.nodes.data("label")
    }
    assert layers == {"tanh": 0, "add": 1, "mul": 2, "w": 3, "x": 3}
    assert sum(is_leaf for _, is_leaf in graph.nodes(data="leaf")) == 2


def test_a_shared_value_is_one_node_with_an_arrow_for_each_use():
    x = leaf(3.0)
    shared = x.exp()
    graph = autograd_graph(shared * shared + x, {"x": x, "shared": shared})
    assert arrows(graph) == [
        ("mul", "add"),
        ("shared = exp", "mul"),
        ("shared = exp", "mul"),
        ("x", "add"),
        ("x", "shared = exp"),
    ]


def test_gradients_show_on_leaves_and_on_named_results_that_retain_them(recwarn):
    x = leaf(3.0)
    kept, lost = x**2, x * 2
    result = kept + lost
    kept.retain_grad()
    result.backward()
    graph = autograd_graph(result, {"x": x, "kept": kept, "lost": lost})
    assert labels(graph) == [
        "add",
        "kept = pow value 9 gradient 1",
        "lost = mul value 6",
        "x value 3 gradient 8",
    ]
    assert not recwarn.list


def test_a_detached_constant_or_foreign_tensor_is_not_in_the_graph():
    x, foreign = leaf(3.0), leaf(5.0)
    constant = (x**2).detach()
    graph = autograd_graph(constant * x, {"x": x, "constant": constant, "foreign": foreign})
    assert arrows(graph) == [("x", "mul")]


def test_an_unnamed_leaf_and_a_large_one_and_an_own_function_are_labelled():
    class DoubleIt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, inputs):
            return 2 * inputs

    weight = torch.ones(3, 4, requires_grad=True)
    graph = autograd_graph(DoubleIt.apply(weight) * leaf(1.0), {"weight": weight})
    assert labels(graph) == ["doubleit", "leaf value 1", "mul", "weight shape (3, 4)"]


def test_a_graph_is_drawn_with_a_box_for_each_node_and_an_arrow_for_each_edge():
    x = leaf(3.0)
    _, given = plt.subplots()
    ax = draw_graph(x * x, {"x": x}, ax=given)
    assert ax is given
    boxes = {text.get_text() for text in ax.texts if text.get_text()}
    assert boxes == {"x\nvalue 3", "mul"}
    assert sum(text.get_text() == "" for text in ax.texts) == 2
    assert draw_graph(x.exp()).figure is not given.figure
    plt.close("all")


@pytest.mark.parametrize("tensor", [torch.ones(2), leaf(1.0), leaf(1.0).detach() * 2])
def test_a_tensor_without_a_graph_is_an_error_that_says_so(tensor):
    with pytest.raises(ValueError, match=r"no grad_fn.*requires_grad=True"):
        draw_graph(tensor)


def test_plotting_is_imported_without_networkx():
    # torch itself imports networkx only for its compiler
    result = run_python("-c", "import sys, helpers.plotting; print('networkx' in sys.modules)")
    assert result.stdout == "False\n", result.stderr


# The memory of a tensor, and broadcasting


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_layout_shows_the_tensor_in_its_order_and_the_storage_in_another():
    grid = torch.arange(6).reshape(2, 3)
    shown = texts(draw_layout(grid.T))
    assert shown[:12] == list("031425" + "012345")
    assert "dimension 0: stride 1" in shown
    assert "dimension 1: stride 3" in shown
    plt.close("all")


def test_a_layout_of_a_slice_shows_the_whole_storage():
    shown = texts(draw_layout(torch.arange(6).reshape(2, 3)[:, 1:]))
    assert shown[:10] == list("1245" + "012345")
    plt.close("all")


def test_a_layout_of_three_dimensions_is_refused():
    with pytest.raises(ValueError, match="one or two dimensions"):
        draw_layout(torch.zeros(2, 2, 2))


def test_broadcasting_draws_repetitions_dashed():
    ax = draw_broadcast(torch.tensor([[0], [10]]), torch.arange(3))
    assert [p.get_linestyle() for p in ax.patches].count("--") == 4 + 3
    assert {"(2, 1)", "(3,)", "(2, 3)"} <= set(texts(ax))
    plt.close("all")


# The maps of lesson 00 and the paths of lesson 03


def test_the_workflow_names_its_seven_steps_in_order():
    ax = draw_workflow()
    bold = [t for t in ax.texts if t.get_weight() == "bold"]
    names = [t.get_text() for t in sorted(bold, key=lambda t: t.get_position()[0])]
    assert names == ["data", "model", "loss", "optimizer", "train", "evaluate", "save"]
    plt.close("all")


def test_a_network_has_a_circle_for_each_unit_and_a_line_for_each_weight():
    ax = draw_network([3, 4, 2])
    assert [len(column.get_offsets()) for column in ax.collections] == [3, 4, 2]
    assert len(ax.lines) == 3 * 4 + 4 * 2
    assert [t.get_text() for t in ax.texts] == ["input\n3", "hidden\n4", "output\n2"]
    plt.close("all")


def test_a_large_layer_is_cut_short_by_dots():
    ax = draw_network([64, 10])
    assert [len(column.get_offsets()) for column in ax.collections] == [8, 10]
    assert "⋮" in texts(ax)
    plt.close("all")


def test_paths_run_over_the_surface_from_a_cross_to_a_mark():
    path = torch.tensor([[0.5, 0.5], [0.2, 0.1], [0.1, 0.0]])
    ax = draw_paths(lambda x, y: x**2 + y**2 + 1e-6, {"plain": path}, (-1, 1), (-2, 2))
    line, last, first = ax.lines
    assert torch.equal(torch.tensor(line.get_xydata()).float(), path)
    assert (last.get_xydata().ravel() == path[-1].numpy()).all()
    assert (first.get_xydata().ravel() == path[0].numpy()).all()
    assert last.get_label() == "plain"
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (-2, 2))
    plt.close("all")


def test_pictures_stand_in_rows_on_one_scale_with_their_titles():
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 2, 3)
    fig = draw_images(images, titles=list("abcde"), columns=3)
    assert len(fig.axes) == 6
    shown = [ax.images[0] for ax in fig.axes if ax.images]
    assert [image.get_array().max() for image in shown] == [0, 1, 2, 3, 4]
    assert {image.get_clim() for image in shown} == {(0, 4)}
    assert [ax.get_title() for ax in fig.axes] == [*"abcde", ""]
    plt.close("all")


def test_pictures_in_colour_have_channels_last_and_no_values_beyond_1():
    fig = draw_images(torch.full((1, 3, 2, 2), 1.5, requires_grad=True))
    assert fig.axes[0].images[0].get_array().shape == (2, 2, 3)
    assert fig.axes[0].images[0].get_array().max() == 1
    plt.close("all")


@pytest.mark.parametrize("shape", [(4, 8, 8), (2, 2, 8, 8), (0, 1, 8, 8)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"expected pictures of shape \(n, 1 or 3, height, width\)"
    ):
        draw_images(torch.zeros(shape))


def test_titles_must_be_as_many_as_pictures():
    with pytest.raises(ValueError, match="expected 2 titles, got 1"):
        draw_images(torch.zeros(2, 1, 4, 4), titles=["one"])


def test_a_history_is_drawn_against_epochs_from_1():
    fig = draw_history({"train_loss": [2, 1], "valid_loss": [3, 2], "valid_accuracy": [0.5, 0.75]})
    lines = [line.get_xydata().tolist() for ax in fig.axes for line in ax.lines]
    assert lines == [[[1, 2], [2, 1]], [[1, 3], [2, 2]], [[1, 0.5], [2, 0.75]]]
    plt.close("all")


def test_a_confusion_matrix_has_its_counts_at_row_true_column_predicted():
    ax = draw_confusion(torch.tensor([[5, 2], [0, 7]]), ["cat", "dog"])
    written = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in ax.texts}
    assert written == {(0, 0): "5", (0, 1): "2", (1, 1): "7"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog"]
    shades = ax.images[0].get_array()
    assert shades[0, 0] == shades[1, 1] == 0 < shades[0, 1]
    plt.close("all")


# The calls that recur


def test_curves_take_shared_places_or_their_own_and_the_styles_of_the_cycle():
    graph = torch.ones(3, requires_grad=True)
    with plt.rc_context(fname=ROOT / "notebooks" / "matplotlibrc"):
        ax = draw_curves({"a": [1, 2, 3], "b": graph, "": ([0, 5], [1, 1])}, title="T", ylim=(0, 9))
    first, _, third = ax.lines
    assert list(first.get_xdata()) == [1, 2, 3] and list(third.get_xdata()) == [0, 5]
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 3
    assert {line.get_color() for line in ax.lines} != {first.get_color()}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.get_title(loc="left") == "T" and ax.get_ylim() == (0, 9)
    assert list(draw_curves({"": [4, 5]}, x=torch.tensor([7, 8])).lines[0].get_xdata()) == [7, 8]


def test_a_single_curve_has_no_legend_and_epochs_are_whole():
    ax = draw_curves({"loss": [3.0, 2.0, 1.0]})
    assert ax.get_legend() is None
    assert all(tick == int(tick) for tick in ax.get_xticks())


def test_a_curve_with_too_few_places_is_named():
    with pytest.raises(ValueError, match="curve 'a' has 3 heights, but 2 places"):
        draw_curves({"a": [1, 2, 3]}, x=[1, 2])


def test_points_have_a_marker_a_label():
    ax = draw_points({"a": ([1], [2]), "b": (torch.ones(2), torch.ones(2))}, xlabel="x")
    shapes = [cloud.get_paths()[0].vertices.shape for cloud in ax.collections]
    assert [len(cloud.get_offsets()) for cloud in ax.collections] == [1, 2]
    assert shapes[0] != shapes[1] and ax.get_xlabel() == "x"


def test_bars_stand_in_groups_with_their_numbers():
    ax = draw_bars({"one": [1, 2], "two": torch.tensor([3.0, 4.0])}, ["x", "y"], show=".1f")
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [1, 2, 3, 4]
    assert [text.get_text() for text in ax.texts] == ["1.0", "2.0", "3.0", "4.0"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x", "y"]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert sum(centres[::2]) == pytest.approx(0) and sum(centres[1::2]) == pytest.approx(2)
    with pytest.raises(ValueError, match="'one' has 1 heights, but there are 2 names"):
        draw_bars({"one": [1]}, ["x", "y"])


def test_bars_of_measured_rounds_are_medians_with_their_middle_half():
    rounds = torch.tensor([[1.0, 10.0], [2.0, 10.0], [3.0, 10.0], [4.0, 10.0], [90.0, 10.0]])
    ax = draw_medians({"one": rounds, "two": rounds + 1}, ["x", "y"], show=".0f", title="T")
    assert ax.get_title() == "T"
    assert [bar.get_height() for bar in ax.patches] == [3, 10, 4, 11]
    assert [text.get_text() for text in ax.texts] == ["3", "10", "4", "11"]
    one, two = (lines.get_segments() for lines in ax.collections)
    assert [segment[:, 1].tolist() for segment in one] == [[2, 4], [10, 10]]
    assert [segment[:, 1].tolist() for segment in two] == [[3, 5], [11, 11]]
    with pytest.raises(ValueError, match="'one' has 2 heights, but there are 3 names"):
        draw_medians({"one": rounds}, ["x", "y", "z"])


def test_ratios_are_dots_with_a_line_through_their_median_on_a_logarithmic_axis():
    axis = plt.subplots()[1]
    found = {"a": torch.tensor([1.0, 4.0, 2.0]), "b": [0.5, 8.0]}
    ax = draw_ratios(found, ax=axis, title="T", ylabel="ratio")
    assert ax is axis and (ax.get_title(), ax.get_ylabel()) == ("T", "ratio")
    dots, bars = ax.collections[::2], ax.collections[1::2]
    assert [dot.get_offsets()[:, 1].tolist() for dot in dots] == [[1, 4, 2], [0.5, 8]]
    assert [bar.get_segments()[0][:, 1].tolist() for bar in bars] == [[2, 2], [4.25, 4.25]]
    assert [dot.get_offsets()[:, 0].mean() for dot in dots] == pytest.approx([0, 1])
    assert len(set(dots[0].get_offsets()[:, 0])) == 3  # no dot hides another
    assert ax.get_yscale() == "log" and list(ax.lines[0].get_ydata()) == [1, 1]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b"]


def test_ratios_open_a_figure_of_their_own():
    before = plt.get_fignums()
    ax = draw_ratios({"": [1.0]})
    assert ax.figure.number not in before


def test_a_matrix_shows_its_numbers_dark_on_light():
    ax = draw_matrix(torch.tensor([[1.0, 2.5], [3.0, 4.0]]), ["a", "b"], ["c", "d"], title="M")
    assert [text.get_text() for text in ax.texts] == ["1", "2.5", "3", "4"]
    assert [text.get_position() for text in ax.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    image = ax.images[0]
    assert image.cmap(image.norm(4.0))[0] > 0.4  # the darkest shade is a mid grey
    assert ax.get_title() == "M"
    with pytest.raises(ValueError, match=r"two dimensions, got shape \(2,\)"):
        draw_matrix([1, 2])


def test_pictures_of_any_size_stand_in_a_row_under_one_title():
    fig = draw_images([torch.rand(3, 4, 6), torch.ones(5, 2)], ["a", "b"], title="Two")
    assert [ax.get_title(loc="center") for ax in fig.axes] == ["a", "b"]
    assert [ax.images[0].get_array().shape for ax in fig.axes] == [(4, 6, 3), (5, 2)]
    assert fig.get_suptitle() == "Two"


def test_the_parts_of_a_file_are_as_wide_as_they_are_long(tmp_path):
    weights = {"a": torch.zeros(1000), "b": torch.zeros(2)}
    torch.save(weights, tmp_path / "w.pt")
    save_file(weights, tmp_path / "w.safetensors")
    ax = draw_files([tmp_path / "w.pt", tmp_path / "w.safetensors"], title="T")
    *zipped, header, numbers = ax.patches
    for row, parts in enumerate((zipped, [header, numbers])):
        ends = [part.get_x() + part.get_width() for part in parts]
        assert [0, *ends[:-1]] == [part.get_x() for part in parts]
        assert ends[-1] == (tmp_path / ("w.pt", "w.safetensors")[row]).stat().st_size
        assert {part.get_y() + 0.25 for part in parts} == {row}
    assert numbers.get_width() == 4008
    said = [text.get_text() for text in ax.texts]
    assert {"data.pkl", "data/0", "table of contents", "numbers"} <= set(said)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first file is at the top
    assert ax.get_title() == "T"


def test_calls_stand_in_a_row_a_way_with_a_frame_each_and_a_square_a_position():
    ax = draw_calls({"one by one": [2, 0, 1], "lists": [[2, 0], [1]]})
    assert texts(ax) == ["one by one: 3 calls", "2", "0", "1", "lists: 2 calls", "2", "0", "1"]
    wide = [patch.get_width() for patch in ax.patches if patch.get_width() > 0.8]
    assert wide == pytest.approx([1.2, 1.2, 1.2, 2.2, 1.2])


def test_draw_regions_paints_where_the_model_answers_class_1():
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0]]))
        model.bias.zero_()
    places = torch.tensor([[-1.0, 0.5], [1.0, 0.0], [2.0, 1.0]])
    classes = torch.tensor([[0.0], [1.0], [1.0]])
    panels = {"one": (model, places, classes), "two": (model, places, classes)}
    fig = draw_regions(panels, title="T", reach=3)
    assert [ax.get_title() for ax in fig.axes] == ["one", "two"]
    assert fig.get_suptitle() == "T"
    grey = fig.axes[0].collections[0].get_paths()[1].vertices
    assert grey[:, 0].min() == pytest.approx(0, abs=1e-6) and grey[:, 0].max() == 3
    clouds = fig.axes[0].collections[1:]
    assert [len(cloud.get_offsets()) for cloud in clouds] == [1, 2]
    assert model.training and not model.weight.grad
    plt.close(fig)


def test_a_program_shows_operations_parameters_and_shapes():
    net = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())
    free = {"input": {0: torch.export.Dim("batch", max=9)}}
    program = torch.export.export(net, (torch.ones(3, 4),), dynamic_shapes=free)
    texts = [text.get_text() for text in draw_program(program).texts if text.get_text()]
    assert texts == [
        *("input", "(n, 4)"),
        *("linear", "0.weight, 0.bias →", "(n, 2)"),
        *("relu", "(n, 2)"),
    ]

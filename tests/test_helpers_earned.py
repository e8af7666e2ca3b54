"""A helper serves two lessons or has a declared reason; a function's name means one thing."""

import ast
import re

import pytest

from helpers.paths import ROOT
from tools.lesson import Lesson, load_lessons
from tools.notebooks import tags

# What learners start from a terminal or a cell; a lesson imports them, but they are no helpers.
PROGRAMS = {"__init__", "doctor", "progress", "paths"}

# Helpers that fewer than two lessons import, and why they are in `helpers` all the same.
ONE_FIGURE = "a long drawing that would hide the idea of its lesson"
CHECKPOINTS = (
    "hardened twins of the plain functions that lessons 14 and 15 write out; a second process of "
    "lesson 15 trains by them, and tools/pretrain.py saves by them"
)
DECLARED = {
    "helpers.documentation.Entry": "what `load_documentation` returns",
    "helpers.documentation.load_documentation": "reads for lesson 20 and tools/pretrain_bert.py",
    "helpers.documentation.sample_topics": "labelled texts of lesson 20 and of its benchmark",
    "helpers.documentation.sample_swaps": "labelled texts of lesson 20 and of its benchmark",
    "helpers.glyphs.render_glyphs": "draws the letters of lesson 12 and of tools/pretrain.py",
    "helpers.pictures.ImageFiles": "reads a folder of one's own in lesson 12, whatever lies in it",
    "helpers.pictures.open_picture": "reads a file in lesson 06 and for `ImageFiles`, any of them",
    "helpers.notebook.quiet_stderr": "drops what torch's profiler writes in lesson 17",
    "helpers.pictures.Images": "what `load_images` returns",
    "helpers.pictures.write_image_folder": "writes files for lesson 06 that need no download",
    "helpers.plotting.draw_broadcast": ONE_FIGURE,
    "helpers.plotting.draw_files": ONE_FIGURE,
    "helpers.plotting.draw_calls": ONE_FIGURE,
    "helpers.plotting.draw_detections": "draws scenes with boxes, five times in lesson 21",
    "helpers.plotting.draw_graph": ONE_FIGURE,
    "helpers.plotting.draw_layout": ONE_FIGURE,
    "helpers.plotting.draw_medians": ONE_FIGURE,
    "helpers.plotting.draw_network": ONE_FIGURE,
    "helpers.plotting.draw_paths": ONE_FIGURE,
    "helpers.plotting.draw_regions": "draws what models of lesson 09 answer, three times",
    "helpers.plotting.draw_program": ONE_FIGURE,
    "helpers.plotting.draw_workflow": ONE_FIGURE,
    "helpers.plotting.autograd_graph": "what `draw_graph` draws, as data",
    "helpers.plotting.draw_history": "draws what `fit` returns, for whoever imports `fit`",
    "helpers.training.check_labels": "the part of `guard` that looks at labels, taught in 10",
    "helpers.tables.Table": "what `load_table`, `load_images` and `render_glyphs` return",
    "helpers.tables.read_csv": "how `load_table` reads a file",
}
DIAGNOSIS = (
    "`diagnose`, which lesson 16 earns and later lessons call, or a step of it: the lesson takes "
    "most of them by hand first, writes out the loop they repeat, and says where the rest is read"
)
DECLARED |= {
    f"helpers.diagnosis.{name}": DIAGNOSIS
    for name in "take_batch repeat_step find_in_batch find_in_classes find_in_pairs "
    "find_unregistered find_untrained find_in_forward find_left_behind find_in_steps "
    "find_in_rate find_all diagnose".split()
}
BERT = "lesson 20's tokenizer and model, which it writes out or explains; tools/pretrain_bert.py"
DECLARED |= {
    f"helpers.bert.{name}": BERT
    for name in "split_words count_pairs join_pair encode_word encode_text Attention EncoderLayer "
    "Embeddings TinyBert caught_queries".split()
}
DECLARED["helpers.bert.RealBert"] = "opens a BERT of one's own in lesson 20"
DECLARED |= {
    f"helpers.checkpoint.{name}": CHECKPOINTS
    for name in "read_whole newest_first newest_checkpoint compare_weights "
    "load_weights pack unpack epoch_name save_epoch newest_full resume skip step_scheduler "
    "fit_resumable".split()
}
DECLARED |= {
    f"helpers.{name}": CHECKPOINTS
    for name in "order.take_order order.set_order "
    "order.require_repeatable order.require_same_order examine.why_unreadable "
    "examine.why_unsaved examine.prefix_hints examine.parameter_names examine.put_back "
    "examine.misfits".split()
}

# Names that two lessons define, or a lesson and `helpers`, and why that is no fault.
SHARED = {
    "loss_fn": "whatever loss a lesson takes",
}


@pytest.fixture(scope="module")
def lessons():
    return load_lessons()


@pytest.fixture(scope="module")
def sources():
    return {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "helpers").glob("*.py")}


def defined(tree: ast.Module | None) -> list[str]:
    """Name the functions and classes that a module or cell defines at its top."""
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.name for node in (tree.body if tree else ()) if isinstance(node, kinds)]


def public(sources: dict[str, str]) -> list[str]:
    """Name the public functions and classes of `helpers`, programs aside."""
    return [
        f"helpers.{module}.{name}"
        for module, source in sources.items()
        for name in defined(ast.parse(source))
        if module not in PROGRAMS and not name.startswith("_")
    ]


def unearned(names: list[str], lessons: list[Lesson], declared: dict[str, str]) -> list[str]:
    """Say which helpers serve fewer than two lessons undeclared, or are declared in vain."""
    imports = [set(lesson.aliases.values()) for lesson in lessons]
    users = {name: sum(name in found for found in imports) for name in names}
    cure = "let two import it, write it out in its lesson, or declare why it is in helpers"
    found = [
        f"{name} is imported by {count} lessons; {cure}"
        for name, count in users.items()
        if count < 2 and name not in declared
    ]
    gone = [name for name in declared if users.get(name, 2) > 1]
    return found + [f"{name} is declared in vain: it is gone, or two import it" for name in gone]


def ambiguous(lessons: list[Lesson], helpers: set[str], shared: dict[str, str]) -> list[str]:
    """Say which names two lessons define, or one that should import them from `helpers`."""
    places: dict[str, set[str]] = {}
    for lesson in lessons:
        for cell, tree in zip(lesson.cells, lesson.trees, strict=True):
            for name in defined(tree):
                if f"earns-{name}" not in tags(cell):
                    places.setdefault(name, set()).add(f"lesson {lesson.number}")
    for name in helpers & places.keys():
        places[name].add("helpers")
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    cure = "import it, or give each its own name"
    said = [
        f"{n} is defined in {', '.join(p)}; {cure}" for n, p in twice.items() if n not in shared
    ]
    return said + [f"{name} is shared in vain" for name in shared if name not in twice]


def test_each_helper_serves_two_lessons_or_says_why_not(lessons, sources):
    assert unearned(public(sources), lessons, DECLARED) == []


def test_a_declared_helper_that_no_lesson_imports_has_a_user(lessons, sources):
    imported = set().union(*(lesson.aliases.values() for lesson in lessons))
    programs = [path.read_text(encoding="utf-8") for path in (ROOT / "tools").glob("*.py")]
    code = "\n".join([*sources.values(), *programs])
    for name, reason in DECLARED.items():
        uses = len(re.findall(rf"(?<![\w.]){name.rpartition('.')[2]}\b", code)) - 1
        assert name in imported or uses > 0 or reason in (CHECKPOINTS, DIAGNOSIS), name


def test_no_function_is_defined_twice(lessons, sources):
    helpers = {name.rpartition(".")[2] for name in public(sources)}
    assert ambiguous(lessons, helpers, SHARED) == []


# The same rules on faults that are planted.


def test_a_helper_that_nobody_imports_is_found(lessons, sources):
    planted = sources | {"training": f"{sources['training']}\n\ndef planted():\n    ...\n"}
    said = unearned(public(planted), lessons, DECLARED)
    assert any(one.startswith("helpers.training.planted is imported by 0 lessons;") for one in said)


@pytest.mark.parametrize("name", ["helpers.training.accuracy", "helpers.training.long_gone"])
def test_a_reason_that_is_no_longer_needed_is_found(name, lessons, sources):
    said = unearned(public(sources), lessons, {**DECLARED, name: "of old"})
    assert any(one.startswith(f"{name} is declared in vain") for one in said)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("accuracy", "accuracy is defined in helpers, lesson 07; import it"),
        ("train_linear", "train_linear is defined in lesson 07, lesson 08; import it"),
    ],
)
def test_a_function_written_again_is_found(name, says, lessons, sources):
    later = next(lesson for lesson in lessons if lesson.number == "07")
    planted = Lesson(later.path, later.notebook, later.before)
    planted.trees = [*later.trees[:-1], ast.parse(f"def {name}(logits, targets): ...")]
    changed = [planted if lesson is later else lesson for lesson in lessons]
    helpers = {name.rpartition(".")[2] for name in public(sources)}
    assert any(said.startswith(says) for said in ambiguous(changed, helpers, SHARED))

"""What `docs/security.md` says is true: where code may run from a file, and who can reach us."""

import ast
import io
import os
import re
import zipfile

import pytest
import torch
from jupyter_client import KernelManager
from safetensors.torch import load_file
from torch import nn

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import run_python
from tools.notebooks import code_cells, every_notebook, read

PAGE = ROOT / "docs" / "security.md"
# Calls that can run code which comes from elsewhere, by the end of their name.
RUNNING = {"eval", "exec", "__import__", "os.system", "os.popen"}
RUNNING |= {f"{module}.{name}" for module in ("pickle", "marshal") for name in ("load", "loads")}
RUNNING |= {"pickle.Unpickler", "shelve.open", "joblib.load", "yaml.load", "runpy.run_path"}
RUNNING |= {"torch.hub.load", "torch.jit.load", "torch.export.load"}
# Arguments that let a call run code, unless they have this value.
SAFE = {"weights_only": True, "allow_pickle": False, "shell": False, "trust_remote_code": False}
# Where that is meant.
DECLARED = {
    ("tools/judge.py", "exec"): "runs submitted notebooks, inside the walls of tools/report.py",
    ("tools/judge.py", "eval"): "as above",
    ("notebooks/14_saving_and_loading.ipynb", "weights_only"): "shows the danger, on its own file",
    ("notebooks/23_exporting_models.ipynb", "torch.export.load"): "reads what it has just written",
    ("notebooks/23_exporting_models.ipynb", "torch.hub.load"): "as above",
}


def calls_that_run(source: str) -> set[str]:
    """Name the calls and the arguments in a source that can run code from elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        found |= {name} & RUNNING
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        for argument, safe in SAFE.items():
            value = given.get(argument)
            if value is not None and not (isinstance(value, ast.Constant) and value.value is safe):
                found.add(argument)
        if name.endswith(".from_pretrained") and "trust_remote_code" not in given:
            found.add("trust_remote_code")
    return found


def our_sources() -> dict[str, str]:
    """Give the code of helpers, tools, docs, the notebooks' cells and the files beside them."""
    paths = [path for name in ("helpers", "tools") for path in (ROOT / name).rglob("*.py")]
    paths += [*(ROOT / "docs").glob("*.py"), *NOTEBOOKS.rglob("*.py")]  # not what is built there
    found = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}
    for path in every_notebook():
        cells = [re.sub(r"^%.*$", "", cell.source, flags=re.M) for cell in code_cells(read(path))]
        found[path.relative_to(ROOT).as_posix()] = "\n".join(cells)
    return found


def test_no_code_of_ours_runs_a_file_but_where_it_is_declared():
    found = {(name, call) for name, text in our_sources().items() for call in calls_that_run(text)}
    assert found == set(DECLARED)


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("pickle.load(file)", "pickle.load"),
        ("torch.load(path, weights_only=False)", "weights_only"),
        ("torch.load(path, weights_only=chosen)", "weights_only"),
        ("torch.load(path, weights_only=True)", None),
        ("model.eval()", None),
        ("eval(text)", "eval"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
        ("subprocess.run(line, shell=True)", "shell"),
        ("AutoModel.from_pretrained(folder)", "trust_remote_code"),
        ("AutoModel.from_pretrained(folder, trust_remote_code=False)", None),
    ],
)
def test_a_call_that_can_run_code_is_seen(source, call):
    assert calls_that_run(source) == ({call} if call else set())


class Malicious:
    """Unpickling this makes a folder: a harmless stand-in for what a real one would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_torch_load_refuses_code_by_default_and_safetensors_holds_none(tmp_path):
    mark, path = tmp_path / "executed", tmp_path / "weights.pt"
    torch.save({"model": Malicious(mark)}, path)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path)
    with pytest.raises(Exception, match="header"):
        load_file(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # it would have run


def test_an_exported_program_can_run_code_when_it_is_loaded(tmp_path):
    program, whole = io.BytesIO(), tmp_path / "program.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), program)
    planted = io.BytesIO()
    torch.save(Malicious(tmp_path / "executed"), planted)
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            forged = name.endswith("sample_inputs/model.pt")
            new.writestr(name, planted.getvalue() if forged else old.read(name))
    with pytest.raises(AssertionError):  # after it has run
        torch.export.load(whole)
    assert (tmp_path / "executed").exists(), "torch.export.load is safe now: say so on the page"


def test_a_file_beside_a_notebook_is_imported_before_a_package(tmp_path):
    (tmp_path / "helpers.py").write_text("print('mine')", encoding="utf-8")
    assert run_python("-c", "import helpers", cwd=tmp_path).stdout == "mine\n"


def test_a_kernel_listens_on_loopback_and_signs_what_it_says():
    manager = KernelManager()
    assert manager.ip == "127.0.0.1"
    assert len(manager.session.key) >= 32


def test_every_claim_of_the_page_leads_to_a_test_that_is_there():
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"\[`(test_\w+)`\]\((\.\./[^)]+)\)", text)
    assert len(named) > 15
    for name, path in named:
        assert f"def {name}(" in (PAGE.parent / path).read_text(encoding="utf-8"), name

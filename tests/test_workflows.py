"""The workflows keep GitHub's schema, run README's commands, and their shell steps run here."""

import re
import tomllib

import check_jsonschema
import pytest
import yaml

from helpers.paths import ROOT
from tests.support import needs_make, run_python
from tests.test_install import MAKEFILE, POWERSHELL, README, SH, run_and_judge
from tools.book import BUILD

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yml")
}
JOBS = {
    f"{name}: {job}": content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [found for line in PROJECT["classifiers"] for found in re.findall(r":: (3\.\d+)$", line)]


def runs(job: dict, check: bool = True) -> list[str]:
    """Give what a job's steps run, with or without the look at Python's version."""
    found = [step["run"].strip() for step in job["steps"] if "run" in step]
    return [command for command in found if check or "sys.version" not in command]


def keeps_the_schema(*paths) -> bool:
    with pytest.raises(SystemExit) as end:
        check_jsonschema.main(["--builtin-schema", "vendor.github-workflows", *map(str, paths)])
    return end.value.code == 0


def test_they_keep_the_schema():
    assert {"test", "newest", "book"} <= set(WORKFLOWS)
    assert keeps_the_schema(*sorted(FOLDER.glob("*.yml")))


def test_a_slip_in_a_workflow_is_seen(tmp_path):
    text = (FOLDER / "test.yml").read_text(encoding="utf-8")
    (tmp_path / "slip.yml").write_text(text.replace("runs-on", "run-on"), encoding="utf-8")
    assert not keeps_the_schema(tmp_path / "slip.yml")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_little_and_ends(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"] and "workflow_dispatch" in workflow[True]  # on:
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert set(job.get("permissions", {})) <= {"pages", "id-token"}
        for step in job["steps"]:
            action = step.get("uses", "actions/none@v1")
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", action), action
            if "checkout" in action:  # the steps need no right to push
                assert step["with"]["persist-credentials"] is False


def test_the_same_action_has_one_version_everywhere():
    used = {step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step}
    assert len({action.partition("@")[0] for action in used}) == len(used)


def test_the_pythons_are_those_of_the_project():
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    loop = re.search(r"for python in .*", MAKEFILE)[0]
    assert re.findall(r"python(3\.\d+)", loop) == PYTHONS[::-1]
    matrices = [job["strategy"]["matrix"] for job in JOBS.values() if "strategy" in job]
    assert [matrix["python"] for matrix in matrices] == [[PYTHONS[0], PYTHONS[-1]]] * 2
    for job in JOBS.values():
        for step in job["steps"]:
            if "setup-python" in step.get("uses", ""):
                wanted = "${{ matrix.python }}" if "strategy" in job else PYTHONS[-1]
                assert step["with"]["python-version"] == wanted


def test_the_systems_are_three():
    jobs = WORKFLOWS["test"]["jobs"]
    systems = {*jobs["make"]["strategy"]["matrix"]["system"], jobs["windows"]["runs-on"]}
    assert systems == {"ubuntu-latest", "macos-latest", "windows-latest"}
    assert jobs["make"]["runs-on"] == "${{ matrix.system }}"


def test_they_run_the_two_commands_of_readme():
    jobs = WORKFLOWS["test"]["jobs"]
    ask = "-m tests.ask_lab"
    assert runs(jobs["make"], check=False) == [
        "make test",
        f".venv/bin/python {ask} make lab",
    ]
    assert all(f"\n{command} " in README for command in ("make test", "make lab"))
    (lab,) = POWERSHELL["make lab"]
    assert runs(jobs["windows"], check=False) == [
        *POWERSHELL["make setup"],
        *POWERSHELL["make test"],
        rf".venv\Scripts\python {ask} {lab}",
    ]


def test_the_newest_torch_is_installed_without_constraints():
    job = WORKFLOWS["newest"]["jobs"]["newest"]
    assert WORKFLOWS["newest"][True]["schedule"]
    venv, install = runs(job)[:2]
    assert [venv, install] == [line.replace("-c constraints.txt ", "") for line in SH["make setup"]]
    assert ".venv/bin/python -m tools.versions" in runs(job)
    last = job["steps"][-1]
    assert last["if"] == "failure()" and "git diff --exit-code -- notebooks" in last["run"]


def test_the_book_that_make_builds_is_published():
    build, publish = WORKFLOWS["book"]["jobs"].values()
    assert runs(build) == ["make book"]
    assert build["steps"][-1]["with"]["path"] == (BUILD / "html").relative_to(ROOT).as_posix()
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}


@needs_make
@pytest.mark.parametrize("name", [name for name in JOBS if "windows" not in name])
def test_the_shell_steps_run(workshop, monkeypatch, name):
    for command in runs(JOBS[name]):
        command = command.replace("${{ matrix.python }}", PYTHONS[0])
        assert "${{" not in command
        run_and_judge(workshop, monkeypatch, "bash", "-eo", "pipefail", "-c", command)


@pytest.mark.parametrize("python", ["3.11.7", "3.1.1"])
def test_another_python_than_that_of_the_matrix_is_seen(python):
    for job in WORKFLOWS["test"]["jobs"].values():
        (check,) = (command for command in runs(job) if "sys.version" in command)
        code = re.search(r'-c "(.*)"$', check)[1].replace("${{ matrix.python }}", "3.11")
        result = run_python("-S", "-c", f"import sys; sys.version = {python!r}; {code}")
        assert ("AssertionError: 3.1.1" in result.stderr) == (python == "3.1.1"), result.stderr

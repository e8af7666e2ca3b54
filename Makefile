# Two commands matter: `make lab` and `make test`. Both install what is missing first.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Override on the command line:  make lab PYTHON=python3.12   make lab PORT=9000
PYTHON ?= python3
# Without it, JupyterLab takes 8888 and TensorBoard 6006, or the next free one.
PORT ?=
# uv, where it is on PATH, installs the same versions as pip, but faster. To do without: make UV=
UV ?= $(shell command -v uv 2>/dev/null)
# An index of CPU-only (or other) torch builds; README.md, "Without a GPU on Linux".
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BOOK := $(VENV)/.book
RUN := "$(BIN)/python" -m
# uv would take an index that its settings name before that of --index-url, but not before --index.
FROM_INDEX = $(if $(UV),--index,--index-url)
# .venv is named because uv would rather install into an environment that is activated.
INSTALL = $(if $(UV),"$(UV)" pip install --python $(VENV),$(RUN) pip install) --quiet -c constraints.txt

.PHONY: help setup lab board test proof book notebooks lint doctor progress report update clean

help: ## list the targets
	@echo "PyTorch Ladder: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 14

setup: $(READY) ## create .venv with the versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	@for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11 none; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
	    echo "No Python 3.11 or newer found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	had=; no=; if [ -e "$(BIN)/python" ]; then had=yes; fi; \
	if [ -n "$(UV)" ]; then \
	    "$(UV)" venv --quiet --seed --allow-existing --python "$$(command -v "$$python")" $(VENV) || \
	        no="uv could not make a virtual environment. To take pip instead: make $(MAKECMDGOALS) UV="; \
	else \
	    "$$python" -m venv $(VENV) || \
	        no="Python could not make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv"; \
	fi; \
	if [ -n "$$no" ]; then echo "$$no" >&2; [ -n "$$had" ] || rm -rf $(VENV); exit 1; fi
	@if [ -n "$(TORCH_INDEX)" ]; then \
	    $(INSTALL) $(FROM_INDEX) "$(TORCH_INDEX)" torch torchvision; \
	fi
	@echo "Installing into $(VENV): about 6 GB, a few minutes the first time."
	$(INSTALL) -e .
	@touch $(READY)

lab: $(READY) ## open JupyterLab on notebooks/ (without a screen: print its address)
	@flags=; \
	if [ "$$(uname)" != Darwin ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; then flags=--no-browser; fi; \
	if [ "$$(id -u)" = 0 ]; then flags="$$flags --allow-root"; fi; \
	exec $(RUN) jupyterlab --ip=127.0.0.1 --ServerApp.root_dir=notebooks $(if $(PORT),--port=$(PORT)) $$flags

board: $(READY) ## show runs/ in TensorBoard, at the address it prints
	@folder=$$($(RUN) helpers.paths runs) || exit 1; \
	exec $(RUN) tensorboard.main --logdir="$$folder" --host=127.0.0.1 $(if $(PORT),--port=$(PORT))

test: $(READY) ## run every notebook strictly, and test everything else
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pytest -n logical --maxprocesses 4

# Too slow for `test`. It goes on where it stopped. PARTS="faults devices" or FROM=faults choose;
# ONLY=failed repeats what failed; PROOF_SEED=1 interrupts other cells.
proof: $(READY) ## show the rest: all lessons in a browser, under faults, elsewhere, offline
	$(RUN) tools.proof $(PARTS) $(if $(FROM),--from $(FROM)) $(if $(ONLY),--$(ONLY))

$(BOOK): $(READY)
	$(INSTALL) -e ".[book]"
	@touch $(BOOK)

book: $(BOOK) ## build the lessons as a site that needs no network: docs/_build/html
	@$(RUN) tools.book

notebooks: $(READY) ## run and normalise every notebook, or NOTEBOOK=notebooks/01_tensors.ipynb
	$(RUN) tools.notebooks run $(NOTEBOOK)

lint: $(READY) ## lint and format the Python files
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

doctor: $(READY) ## say whether this machine can run the lessons, and what to do if not
	@$(RUN) helpers.doctor

progress: $(READY) ## say which exercises are done, which are next and to review, and the time left
	@$(RUN) helpers.progress

report: $(if $(FOLDER),$(READY)) ## check a folder of submitted notebooks: FOLDER=submissions CSV=class.csv
	@if [ -z "$(FOLDER)" ]; then \
	    echo "Name the folder of the notebooks: make report FOLDER=submissions" >&2; exit 2; \
	fi; \
	exec $(RUN) tools.report "$(FOLDER)" $(if $(CSV),--csv "$(CSV)")

# TORCH_INDEX=<address> as for setup; UPDATE="--pre --write" takes pre-releases, and writes.
update: $(READY) ## try the newest versions of torch and the rest, and say what changes
	@$(RUN) tools.update $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)") $(UPDATE)

clean: ## remove .venv, caches and what the lessons wrote, but not your progress
	rm -rf $(VENV) docs/_build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
	git clean -fdXq -e '!/runs/progress' data runs

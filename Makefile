# make demo    a synthetic CT angiogram through the whole chain
# make test    the quick tests
# make weights train both networks from nothing, MINUTES at a time: the same command goes on where it stopped
# make label   MONAI Label with this bundle, e.g. make label STUDIES=/data/scans PORT=8001
# Each makes .venv on its first run. Another interpreter: make demo PYTHON=python3.12; more cores: make test JOBS=8
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
TESTS ?= tests
JOBS ?= 2
LABEL_VENV := .venv-label
STUDIES ?= label/studies
PORT ?= 8000
MINUTES ?= 9
QUICK := not slow and not gpu and not label and not browser

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test weights label test-label lint clean

help:
	@echo "make demo    make a synthetic CT angiogram, segment it, and list what was written"
	@echo "make test    run the quick tests"
	@echo "make weights train both networks from nothing, MINUTES=9 each; repeat it until both say done"
	@echo "make label   start MONAI Label with this bundle (STUDIES=folder of scans, PORT=8000)"
	@echo "make test-label  run the tests of MONAI Label with its real server"
	@echo "make lint    check the code with ruff"
	@echo "make clean   remove .venv, .venv-label, caches and the demo's files"

demo: $(VENV)/installed
	@$(RUN) scripts/demo.py

test: $(VENV)/installed-test
	$(RUN) -m pytest -m "$(QUICK)" -n $(JOBS) --dist loadfile $(TESTS)

weights: $(VENV)/installed
	$(RUN) scripts/train_default.py --minutes $(MINUTES)
	$(RUN) scripts/train_native.py --minutes $(MINUTES)

label: $(LABEL_VENV)/installed
	@$(LABEL_VENV)/bin/python scripts/label.py --studies "$(STUDIES)" --port $(PORT)

test-label: $(LABEL_VENV)/installed $(VENV)/installed-test
	$(RUN) -m pytest -m label tests/label

lint: $(VENV)/installed-dev
	$(RUN) -m ruff check .

clean:
	rm -rf $(VENV) $(LABEL_VENV) *.egg-info build data/demo eval/demo .pytest_cache .ruff_cache .hypothesis
	find bundle scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of extras, every one with the base; pip only runs again when a requirement changes.
$(VENV)/installed: EXTRAS :=
$(VENV)/installed-test: EXTRAS := [test]
$(VENV)/installed-dev: EXTRAS := [dev]

$(VENV)/installed $(VENV)/installed-test $(VENV)/installed-dev: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 14) else \
	  "error: Python 3.10 to 3.13 is needed and $(PYTHON) is %d.%d; try make PYTHON=python3.11" % v[:2])'
	@echo "Installing into $(VENV): a few minutes the first time."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt -e '.$(EXTRAS)'
	@touch $(VENV)/installed $@

# torch with what it needs on this machine (CUDA, or nothing on top of the CPU build), then the whole list as it
# stands: pip would add torchvision and sam2. Where the environment gets a torchvision by hand, it is used.
$(LABEL_VENV)/installed: constraints-label.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 13) else \
	  "error: MONAI Label needs Python 3.11 or 3.12 and $(PYTHON) is %d.%d; try PYTHON=python3.11" % v[:2])'
	@echo "Installing MONAI Label into $(LABEL_VENV): a few minutes the first time."
	@test -x $(LABEL_VENV)/bin/python || $(PYTHON) -m venv $(LABEL_VENV)
	@$(LABEL_VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints-label.txt torch
	@$(LABEL_VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps -r constraints-label.txt
	@touch $@

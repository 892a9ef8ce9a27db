# make         install into .venv, run everything that config.yaml names, make the report, show the results
# make report  the HTML report of what has been run
# make test    the whole test suite
# make test-quick  the unit tests alone
# make bench   what runs, plans, jobs and steps cost, in ten minutes, beside what they cost at an earlier commit; for
#              another commit: make bench BASE=<commit>
# make gpu-check  ten minutes of measurements on a GPU, in one file to attach to an issue
# make docs    the documentation site, into docs/_build/html; links and pages are checked
# make audit   known vulnerabilities among the pinned packages (needs a network)
# make publish  the results of the experiments that config.yaml names, and of make bench, go into docs/results
# make docs-status  which published results are stale, and what they cost
# With VERBOSE=1, Snakemake and pip print all that they print by themselves.
PYTHON ?= python3
# `python -m`, and not the programs in .venv/bin: those do not survive a move of the clone.
RUN := .venv/bin/python
INSTALLED := .venv/installed
INSTALL_LOG := .venv/install.log
SNAKEMAKE := $(RUN) -m snakemake$(if $(VERBOSE),, --logger progress)
REPORT := results/report.html

# Snakemake starts jobs through a shell, without quotes around the path of Python.
ifneq ($(shell pwd | LC_ALL=C tr -d '\nA-Za-z0-9._/+=@,~\200-\377-' | wc -c | tr -d ' '),0)
$(error The path of this folder contains a space or another special character, and jobs would fail. Move the folder to \
a path of letters, digits and . _ - + = @ , ~)
endif

# Snakemake needs a folder for its cache. In containers, the home folder can be missing or read-only.
ifneq ($(shell { cache="$${XDG_CACHE_HOME:-$${HOME:?}/.cache}/snakemake"; mkdir -p "$$cache" && test -w "$$cache" && \
    echo writable; } 2>/dev/null),writable)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.NOTPARALLEL:           # with `make -j`, the report would start beside the run
.PHONY: all install run report test test-quick bench gpu-check docs docs-status publish audit

# If a method fails, the tables and the report show the others.
all: $(INSTALLED)
	@$(SNAKEMAKE); $(RUN) scripts/show_results.py $(REPORT) $$?

run: $(INSTALLED)
	@$(SNAKEMAKE)

report: $(INSTALLED)
	mkdir -p $(dir $(REPORT))
	$(RUN) -m snakemake --report $(REPORT)

test: $(INSTALLED)
	$(RUN) -m pytest

test-quick: $(INSTALLED)
	$(RUN) -m pytest tests/unit

bench: export PYTHONPATH := scripts
bench: $(INSTALLED)
	$(RUN) -m benchmarks.methods
	$(RUN) -m benchmarks.table $(if $(BASE),--base $(BASE))

gpu-check: export PYTHONPATH := scripts
gpu-check: $(INSTALLED)
	$(RUN) -m benchmarks.gpu_check

docs: $(INSTALLED)
	$(RUN) -m sphinx -W --keep-going -q -d docs/_build/doctrees docs docs/_build/html

# In an environment of its own: what audits the packages must not change them.
audit:
	$(PYTHON) -m venv .audit
	.audit/bin/pip install --quiet pip-audit==2.9.0
	.audit/bin/pip-audit --no-deps --disable-pip --requirement requirements.txt --requirement constraints.txt

publish: $(INSTALLED)
	$(RUN) scripts/publish_results.py

docs-status: $(INSTALLED)
	$(RUN) scripts/show_stale_results.py

# The file holds what is installed. Nothing is installed again when only the times of the requirements change.
$(INSTALLED): requirements.txt constraints.txt
	@cat $^ | cmp -s - $@ || $(MAKE) --no-print-directory install
	@touch $@

install:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version)'
	@$(PYTHON) -m venv .venv
	@echo 'Installing PyTorch, Snakemake and what they need into .venv: 7 GB on disk, usually 3 to 10 minutes.'
	@$(if $(VERBOSE),,echo 'Log of pip: $(INSTALL_LOG)')
	@$(RUN) -m pip install --disable-pip-version-check -r requirements.txt $(if $(VERBOSE),,>$(INSTALL_LOG) 2>&1 || \
	    { tail -n 15 $(INSTALL_LOG); echo 'The installation failed. The whole log of pip: $(INSTALL_LOG)'; exit 1; } >&2)
	@cat requirements.txt constraints.txt > $(INSTALLED)

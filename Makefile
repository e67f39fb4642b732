# Everything a fresh machine needs: Python >= 3.11 and make. `make demo` and `make test` are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_SETTINGS := UV_FIND_LINKS="$(PIP_FIND_LINKS)" UV_LINK_MODE=copy
UV := $(UV_SETTINGS) $(BIN)/uv
STORE ?= build/store
ADAPTER ?= build/adapter

.PHONY: demo next links test deep soak mutants deepspeed docs-snippets interop interop-latest check format lock bench bench-peers clean help

help:  ## Say what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

links:  ## Make the links of src and dev that this copy of the project has lost, or never had
	@for room in curation data flows schemas templates train; do \
		test -d src/thinkmix/$$room || ln -sfn ../../$$room src/thinkmix/$$room; done
	@mkdir -p dev; for part in benchmarks tests tools; do test -d dev/$$part || ln -sfn ../$$part dev/$$part; done

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory links
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

demo: $(BIN)/.installed  ## Install, build the embedded 7:3 mixture, report, train a small LoRA adapter
	$(BIN)/thinkmix build sample-7-3 --store $(STORE)
	rm -rf $(ADAPTER)
	$(BIN)/thinkmix train $(STORE)/sample-7-3 --model tiny-random --output $(ADAPTER) \
		--max-steps 30 --batch 1024 --max-tokens 512 --learning-rate 0.01 --eval-rows 8
	@$(MAKE) --no-print-directory next

next:
	@echo
	@echo "What to do next:"
	@echo "  open in a browser  $(STORE)/sample-7-3/report.html and $(ADAPTER)/train_report.html"
	@echo "  see it again here  $(BIN)/thinkmix report $(STORE)/sample-7-3"
	@echo "  take your own rows $(BIN)/thinkmix recipes sample-7-3 > mine.yaml  # then name your files in it: docs/recipes.md"
	@echo "                     $(BIN)/thinkmix build mine.yaml"
	@echo "  train a real model $(BIN)/thinkmix plan $(STORE)/sample-7-3 --model 4B --gpu 24GB  # prints the command"

# Two at once is what the times that tests allow were measured with; a file of tests stays in one process,
# and so does a folder of `TOGETHER` in tests/conftest.py.
AT_ONCE ?= 2

test: $(BIN)/.installed  ## Install and run all tests
	$(BIN)/pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder

deep: $(BIN)/.installed  ## Run the long variants: soaks, every crash point
	$(BIN)/pytest -m deep

soak: $(BIN)/.installed  ## Run the long variants of docs/reliability.md alone; they end by themselves
	$(BIN)/pytest -m "deep and acceptance" --durations=20

ONLY ?=
mutants: $(BIN)/.installed  ## Change the pure kernels bit by bit, see what no test notices; ONLY="mix gates" for some
	$(BIN)/python -m benchmarks.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(ONLY)

deepspeed: $(BIN)/.installed  ## Install DeepSpeed, too, and test that ZeRO trains as one process does
	$(UV) pip install --quiet --python $(BIN)/python setuptools wheel
	DS_BUILD_OPS=0 DS_ACCELERATOR=cpu $(UV) pip install --quiet --python $(BIN)/python --no-build-isolation deepspeed==0.19.8
	DS_ACCELERATOR=cpu $(BIN)/pytest tests/train/run/test_engine.py -k deepspeed

docs-snippets: $(BIN)/.installed  ## Run what docs/training.md says of other trainers, each installed into build/peers
	$(UV_SETTINGS) $(BIN)/python -m benchmarks snippets

TARGETS ?=
INTEROP = UV_FIND_LINKS="$(PIP_FIND_LINKS)" nice -n 5 $(BIN)/python -m benchmarks interop $(if $(KEEP),--keep) $(TARGETS)
interop: $(BIN)/.installed  ## Have each tool of docs/interop.md read its export; TARGETS="trl axolotl", KEEP=1
	$(INTEROP)

interop-latest: $(BIN)/.installed  ## The same with the newest releases: which labels have changed?
	$(INTEROP) --latest

check: $(BIN)/.installed  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(BIN)/.installed  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# CUDA wheels come with torch where there are any: they are pinned by torch itself, not by us.
lock: $(BIN)/.installed  ## Renew the pin of every dependency
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev --quiet \
		--no-emit-find-links --no-header --no-annotate --upgrade --output-file requirements.lock
	grep -vE '^(nvidia-|cuda-|triton)' requirements.lock | grep -v '^torch==.*+cpu' \
		| sed -E 's/^torch==([0-9.]+).*/torch==\1/' > requirements.lock.new
	mv requirements.lock.new requirements.lock

SCALE ?= short
bench: $(BIN)/.installed  ## Measure the figures that need no peer; SCALE=full for the sizes of the table
	$(BIN)/python -m benchmarks ours --scale $(SCALE)
	$(BIN)/python -m benchmarks page

bench-peers: $(BIN)/.installed  ## Measure every figure, peers installed into build/peers
	$(UV_SETTINGS) $(BIN)/python -m benchmarks all --scale $(SCALE)
	$(BIN)/python -m benchmarks page

clean:  ## Remove what was built; the environment stays
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis

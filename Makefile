# `make test`, `make demo`: each sets up what it needs on first use and reuses it afterwards.
SHELL := bash
VENV := .venv
PY := $(VENV)/bin/python
BASE_PYTHON := $(firstword $(foreach v,3.11,$(shell command -v python$(v) 2>/dev/null)))
# A step that hangs is ended, with what it printed, while there is time to say so.
LIMIT := 60
STEP = bash -c 'echo "== $$0"; start=$$SECONDS; timeout --foreground --kill-after=30 $(LIMIT)m "$$@"; code=$$?; [ $$code != 124 ] || echo "   $$0: ended after $(LIMIT) minutes (make LIMIT=$(LIMIT))" >&2; [ $$code = 0 ] || exit $$code; echo "   $$0: $$((SECONDS - start)) s"'

# What is compiled is kept, whatever the machine's settings are: each run compiles 700 files anew otherwise.
unexport PYTHONDONTWRITEBYTECODE

FAST := -m "not engine"
FURTHER := found

.PHONY: screenshots test-browser examples codemod-pages help setup test test-fast test-installed test-pythons test-steady lint demo bench-properties bench bench-coverage bench-source bench-verify bench-weights fuzz fuzz-source clean bench-twin bench-throughput bench-variants bench-mutations bench-identity bench-field bench-strategies bench-diagnosis bench-gates bench-gates-delay bench-gates-ends bench-kills bench-parity bench-survey bench-carried bench-replay bench-patches bench-add-patch bench-fleet bench-modelslim bench-commit-kills bench-delivery

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.complete: pyproject.toml
	@test -n "$(BASE_PYTHON)" || { echo "python3.11 not found: the CPU engine's torch build needs it" >&2; exit 3; }
	@echo "== the tool's environment"
	@rm -rf $(VENV) && $(BASE_PYTHON) -m venv $(VENV)
	@$(PY) -m pip --disable-pip-version-check --quiet install --editable '.[dev,browser,docs]'
	@touch $@

setup: $(VENV)/.complete ## Set up tool, engine, trees and checkpoints
	@$(STEP) "engine, trees, checkpoints" $(PY) -m tests.lab

lint: $(VENV)/.complete ## Style, types, import directions, the pages as a site
	@$(STEP) "ruff check" $(PY) -m ruff check --quiet .
	@$(STEP) "ruff format" $(PY) -m ruff format --check --quiet .
	@$(STEP) "mypy --strict" $(PY) -m mypy
	@$(STEP) "import directions" $(VENV)/bin/lint-imports
	@$(STEP) "pages as a site" $(PY) -m tests.site

test-fast: $(VENV)/.complete ## Tests without a running engine
	@$(STEP) "fast tests" $(PY) -m pytest $(FAST)

test-installed: setup ## Wheel and sdist, installed by pip, as an ordinary user has them
	@$(STEP) "as installed" $(PY) -m pytest -m installed tests/installed

test-browser: $(VENV)/.complete ## The report's page in a real Chromium, which is installed where apt is there
	@$(STEP) "Chromium" tests/browser/install-chromium
	@$(STEP) "in a browser" $(PY) -m pytest -n 0 -m browser tests/browser

screenshots: $(VENV)/.complete ## The pictures of docs/report.md, into docs/images/
	@$(STEP) "Chromium" tests/browser/install-chromium
	@$(PY) -m tests.browser.screenshots

test-pythons: setup ## Fast tests on each Python of this machine, with the newest and the lowest versions
	@$(STEP) "fast tests on each Python" $(PY) -m nox

test-steady: setup ## Fast tests in random order on a busy machine (TIMES=20 SEED=0)
	@$(PY) -m tests.bench.steady --times $(or $(TIMES),20) $(if $(SEED),--seed $(SEED))

test: lint ## Everything, with the real engine
	@$(STEP) "engine, trees, checkpoints" $(PY) -m tests.lab
	@$(STEP) "fast tests" $(PY) -m pytest $(FAST)
	@$(STEP) "further Pythons here (make test-pythons runs on them)" $(PY) -m nox --session $(FURTHER)
	@$(STEP) "as installed" $(PY) -m pytest -m installed tests/installed
	@$(MAKE) --no-print-directory test-browser
	@$(STEP) "tests against PyTorch" $(PY) -m pytest -m "engine and not installed and not browser" --ignore tests/engine -n 2
	@$(STEP) "engine tests" $(PY) -m pytest -m engine tests/engine --durations 20 -vv

demo: $(VENV)/.complete ## The main job on two new architectures
	@$(PY) -m tests.lab.demo

codemod-pages: $(VENV)/.complete ## Pages of all codemods and their hooks, from the codemods' own files
	@$(PY) -m codemods.pages

.PHONY: command-pages docs
command-pages: $(VENV)/.complete ## Pages of all commands, schema of settings and diagrams, from the commands' own parsers
	@$(PY) -m scaffold.cli.pages

docs: $(VENV)/.complete ## Look at the pages as a site: http://127.0.0.1:8010 (PORT=8010)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs serve --dev-addr 127.0.0.1:$(or $(PORT),8010)

examples: $(VENV)/.complete ## Six generated adapters of different families, to read
	@$(PY) -m tests.lab.examples

bench-coverage: $(VENV)/.complete ## Adapters of 61 architectures, measured (ONLY=gemma2,phi; EXTRA=1; REUSE=1)
	@$(PY) -m tests.bench.coverage --only "$(ONLY)" $(if $(EXTRA),--extra) $(if $(REUSE),--reuse)

bench: $(VENV)/.complete ## How fast checkpoints are read: the table of docs/reading.md
	@$(PY) -m tests.bench.reading

bench-source: $(VENV)/.complete ## What the interpreter computes, against PyTorch, for every decoder, and by single operations (ONLY="llama mixtral" PYTHONS="python …")
	@$(PY) -m tests.bench.source

bench-verify: $(VENV)/.complete ## How fast tensor data is verified (GIB=20)
	@$(PY) -m tests.bench.verifying --gib $(or $(GIB),20)

fuzz: $(VENV)/.complete ## Mutated checkpoints by the thousand (COUNT=10000 SEED=0)
	@$(PY) -m tests.fuzz --count $(or $(COUNT),10000) --seed $(or $(SEED),0)

fuzz-source: $(VENV)/.complete ## Coverage-guided fuzzing of the interpreter of modeling source (MINUTES=20 TRANSFORMERS=dir)
	@$(PY) -m pip --disable-pip-version-check --quiet install --editable '.[fuzz]'
	@$(PY) -m tests.fuzz.source --minutes $(or $(MINUTES),20) $(if $(TRANSFORMERS),--transformers $(TRANSFORMERS))

bench-properties: $(VENV)/.complete ## New examples of every property (EXAMPLES=10000 SEED=0 SEEDS=1 ONLY=wiring)
	@$(PY) -m tests.bench.properties --examples $(or $(EXAMPLES),10000) --seed $(or $(SEED),0) --seeds $(or $(SEEDS),1) --only "$(ONLY)"

bench-weights: $(VENV)/.complete ## Proof of 91,991 tensors, timed
	@$(PY) -m tests.bench.weights

bench-mutations: $(VENV)/.complete ## Mutants of modeling source against their own references (OUT=dir CHECKPOINTS=dir REFERENCE=command MUTANTS=13)
	@$(PY) -m tests.bench.mutations $(if $(OUT),--out "$(OUT)") --mutants $(or $(MUTANTS),13) --seed $(or $(SEED),0) --only "$(ONLY)" $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)") $(if $(REFERENCE),--reference "$(REFERENCE)")

bench-variants: $(VENV)/.complete ## Two odd variants of each listed architecture: ties, heads, biases, rotary scalings (ONLY=qwen3)
	@$(PY) -m tests.bench.variants --only "$(ONLY)"

bench-carried: $(VENV)/.complete ## Odd blocks with carried-over statements, served alone and on two ranks (ONLY=clamps)
	@$(PY) -m tests.bench.carried --only "$(ONLY)"

bench-replay: $(VENV)/.complete ## What upstream added to its lists, added by the codemods: docs/codemods.md (ONLY=vllm-registry; ASCEND=git repository)
	@$(PY) -m tests.bench.replay --faults --only "$(ONLY)" $(if $(ASCEND),--ascend "$(ASCEND)")

bench-twin: $(VENV)/.complete ## The twin: right for adapters as generated, wrong for twelve planted faults (EVERY=1: each listed architecture)
	@$(PY) -m tests.bench.faults $(if $(EVERY),--every)

bench-parity: $(VENV)/.complete ## Right servers and planted faults in bfloat16, against the reference: docs/parity.md (ONLY=gemma2; SLICES=1)
	@$(PY) -m tests.bench.parity --only "$(ONLY)" $(if $(SLICES),--slices)

bench-strategies: $(VENV)/.complete ## What auto ends in with --twin, for 61 architectures, and whether that is right (ONLY=ernie4_5; REUSE=1)
	@$(PY) -m tests.bench.strategies --only "$(ONLY)" $(if $(REUSE),--reuse)
bench-modelslim: $(VENV)/.complete ## Random ModelSlim descriptions, resolved by us and by vllm-ascend itself (CASES=250 SEED=0 ASCEND=tree)
	@$(PY) -m tests.bench.modelslim --cases $(or $(CASES),250) --seed $(or $(SEED),0) --only "$(ONLY)" $(if $(ASCEND),--ascend "$(ASCEND)")
bench-survey: $(VENV)/.complete ## Which of vLLM's own text decoders are right: docs/survey.md (ONLY=gemma2; ALL=1)
	@$(PY) -m tests.bench.survey --only "$(ONLY)" $(if $(ALL),--all)

bench-identity: $(VENV)/.complete ## Adapters byte for byte as an earlier commit made them (BASE=55ddea5 ONLY=gemma2)
	@$(PY) -m tests.bench.identity --base $(BASE) --only "$(ONLY)" $(if $(EXTRA),--extra)

bench-field: $(VENV)/.complete ## What is said of published configs, and how fast (CONFIGS=dir WORK=dir ONLY="Qwen*")
	@$(PY) -m tests.bench.field --configs "$(CONFIGS)" $(if $(WORK),--work "$(WORK)") --only "$(ONLY)"

bench-diagnosis: $(VENV)/.complete ## How fast a million lines of logs are diagnosed (LINES=1000000)
	@$(PY) -m tests.bench.diagnosis --lines $(or $(LINES),1000000)

.PHONY: bench-delivery
bench-delivery: $(VENV)/.complete ## Commits applied to fresh trees serve and lint clean (ONLY=0.18.0,mkdocs MARKDOWNLINT=command LINT_BIN=dir)
	@$(PY) -m tests.bench.delivery --only "$(ONLY)" --markdownlint "$(MARKDOWNLINT)" --lint-bin "$(LINT_BIN)"

bench-throughput: $(VENV)/.complete ## Tokens per second: adapter, vLLM's own model, Transformers backend (ONLY=qwen3)
	@$(PY) -m tests.bench.throughput --only "$(ONLY)" --rounds $(or $(ROUNDS),3)

bench-fleet: $(VENV)/.complete ## Four models on a Ray cluster of two nodes, one of which is killed in the middle
	@$(PY) -m tests.bench.fleet

bench-gates: $(VENV)/.complete ## Each fault on a real server, and what the gates say of it (ONLY=worker)
	@$(PY) -m tests.bench.gates --only "$(ONLY)"

bench-gates-delay: $(VENV)/.complete ## From a worker's death to the verdict, and what a gate adds to a server that is fine
	@$(PY) -m tests.bench.gates.delay

bench-kills: $(VENV)/.complete ## Codemods' runs and undos killed at random moments lose nothing (TIMES=500 SEED=0)
	@$(PY) -m tests.bench.kills --times $(or $(TIMES),500) --seed $(or $(SEED),0)

bench-commit-kills: $(VENV)/.complete ## Commits killed at random points leave the repo as it was, or committed whole (TIMES=1000 SEED=0)
	@$(PY) -m tests.bench.commit_kills --times $(or $(TIMES),1000) --seed $(or $(SEED),0)

bench-gates-ends: $(VENV)/.complete ## A tool ended at random moments leaves nothing behind (MOMENTS=50 SEED=0; REAL=1: the real engine)
	@$(PY) -m tests.bench.gates.moments $(if $(MOMENTS),--moments $(MOMENTS)) --seed $(or $(SEED),0) $(if $(REAL),--real)

.PHONY: bench-quick
bench-quick: $(VENV)/.complete ## Processor seconds of codemods and of a plan from the command line: docs/codemods.md, docs/pipeline.md (TIMES=5)
	@$(PY) -m tests.bench.quick --times $(or $(TIMES),5)

bench-patches: $(VENV)/.complete ## Upstream's own patches of vllm-ascend, imported and logged again (REPO=a clone with history, SINCE=2026-02-01)
	@$(PY) -m tests.bench.patches $(if $(REPO),--repo "$(REPO)") --since $(or $(SINCE),2026-02-01)

bench-add-patch: $(VENV)/.complete ## A thousand patches of sampled functions in the real engine (COUNT=1000 SEED=0)
	@$(PY) -m tests.bench.patched --count $(or $(COUNT),1000) --seed $(or $(SEED),0)

clean: ## Remove the tool's environment (caches stay)
	rm -rf $(VENV) .nox
